import tseslint from 'typescript-eslint';

const EDGE_CONSOLE = 'The screen is reached through terminal/ and the demo and check scripts only.';

export default tseslint.config(
  { ignores: ['**/node_modules/**', '.cache/**', '.state/**', '**/*.cjs', '**/*.mjs', 'eslint.config.js'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/strict-boolean-expressions': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      'no-console': ['error'],
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'Only erasable syntax: use a const object or a union.' },
      ],
      eqeqeq: 'error',
    },
  },
  {
    files: ['packages/*/src/**'],
    rules: {
      'no-restricted-globals': ['error', { name: 'console', message: EDGE_CONSOLE }],
    },
  },
  { files: ['*.config.ts'], rules: { 'no-restricted-syntax': 'off' } },
);
