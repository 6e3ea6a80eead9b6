// What is asked of everything that is not ours: where it comes from, that it is the very bytes that
// were chosen, its licence, and that installing it runs nothing of its own.

import type { LockedPackage, Manifest } from './lockfile.ts';

export interface DependencyFinding {
  readonly subject: string;
  readonly code: string;
  readonly evidence: string;
  readonly next: string;
}

/**
 * Licences that allow MIT-licensed work to ship the package, without a condition for Sotto's users.
 */
export const RUNTIME_LICENCES: readonly string[] = [
  ...['MIT', 'MIT-0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0'],
  ...['0BSD', 'Unlicense', 'CC0-1.0', 'BlueOak-1.0.0'],
];
/** Of tools that are never shipped: what they ask for is asked of who changes them. */
const DEVELOPMENT_LICENCES: readonly string[] = [...RUNTIME_LICENCES, 'MPL-2.0', 'Python-2.0', 'CC-BY-4.0'];

/** `A OR B` is free to choose, `A AND B` is both. */
export function isLicenceOf(expression: string, allowed: readonly string[]): boolean {
  const plain = expression.replaceAll(/[()]/g, '');
  return plain.split(' OR ').some((choice) => choice.split(' AND ').every((licence) => allowed.includes(licence)));
}

const CODES = {
  'integrity-missing': 'npm install --package-lock-only, with the registry reachable',
  'integrity-weak': 'npm install --package-lock-only, with the registry reachable',
  'source-foreign': 'take it from the registry, at an exact version',
  'licence-missing': 'look into the package; if it has none, do without it',
  'licence-refused':
    'do without it, or add the licence to tools/reproducible-build/dependency-rules.ts with why it is compatible with MIT',
  'pin-loose': 'state the exact version',
  'dependency-unexplained': 'give it a line in docs/adr/0004-dependencies.md',
  'install-script-unlisted': 'npm install --package-lock-only; the lock file must say that it has one',
  'install-scripts-allowed': 'set ignore-scripts=true in .npmrc',
  'install-script-could-run': 'add --ignore-scripts to the command',
} as const;
type Code = keyof typeof CODES;

function finding(subject: string, code: Code, evidence: string): DependencyFinding {
  return { subject, code, evidence, next: CODES[code] };
}

/** Checks one package of the lock file; `installed` is the licence of its installed manifest. */
export function auditPackage(locked: LockedPackage, installed: string | undefined): readonly DependencyFinding[] {
  const subject = `${locked.name}@${locked.version}`;
  const found: DependencyFinding[] = [];
  if (locked.source !== undefined) found.push(finding(subject, 'source-foreign', locked.source));
  else if (locked.integrity === undefined) found.push(finding(subject, 'integrity-missing', locked.path));
  else if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(locked.integrity))
    found.push(finding(subject, 'integrity-weak', locked.integrity));
  const licence = locked.licence ?? installed;
  const allowed = locked.development ? DEVELOPMENT_LICENCES : RUNTIME_LICENCES;
  if (licence === undefined) found.push(finding(subject, 'licence-missing', locked.path));
  else if (!isLicenceOf(licence, allowed)) found.push(finding(subject, 'licence-refused', licence));
  return found;
}

/** The pins of one manifest of ours. */
export function auditPins(file: string, manifest: Manifest): readonly DependencyFinding[] {
  const pins = [
    manifest.dependencies,
    manifest.devDependencies,
    manifest.optionalDependencies,
    Object.fromEntries(Object.entries(manifest.overrides ?? {}).map(([name, pin]) => [name, String(pin)])),
  ].flatMap((group) => Object.entries(group ?? {}));
  return pins
    .filter(([, pin]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(pin))
    .map(([name, pin]) => finding(file, 'pin-loose', `${name}: ${pin}`));
}

/** Every runtime dependency has a line in the decision record. */
export function auditReasons(file: string, manifest: Manifest, record: string): readonly DependencyFinding[] {
  return Object.keys(manifest.dependencies ?? {})
    .filter((name) => !name.startsWith('@sotto/') && !new RegExp(`^\\|[^|]*${name} \\d`, 'm').test(record))
    .map((name) => finding(file, 'dependency-unexplained', name));
}

/**
 * Finds packages with install scripts that the lock file does not list: npm decides by the lock
 * file.
 */
export function auditInstallScripts(
  locked: readonly LockedPackage[],
  withScripts: ReadonlyMap<string, readonly string[]>,
): readonly DependencyFinding[] {
  return locked
    .filter((entry) => !entry.hasInstallScript && withScripts.has(entry.path))
    .map(({ name, version, path }) =>
      finding(`${name}@${version}`, 'install-script-unlisted', (withScripts.get(path) ?? []).join(', ')),
    );
}

export function auditNpmSettings(npmrc: string): readonly DependencyFinding[] {
  return /^ignore-scripts=true$/m.test(npmrc)
    ? []
    : [finding('.npmrc', 'install-scripts-allowed', 'no ignore-scripts=true')];
}

/** Commands of a script or Dockerfile that install something. */
export function auditCommands(file: string, text: string): readonly DependencyFinding[] {
  const commands =
    text.replaceAll(/\\\n/g, ' ').match(/(?<![\w`-])npm (ci|install|i|add|update|rebuild|exec|x)\b[^;&|\n)'"]*/g) ?? [];
  return commands
    .filter((command) => !command.includes('--ignore-scripts'))
    .map((command) => finding(file, 'install-script-could-run', command.trim()));
}
