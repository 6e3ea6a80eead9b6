// The doctor's command line.

import { parseArgs } from 'node:util';
import { DoctorError } from './errors.ts';
import { OPTION_CHARS_MAX } from './limits.ts';
import { message } from './messages.ts';

export type DoctorCommand =
  | { readonly wants: 'help' | 'version' }
  | {
      readonly wants: 'look';
      readonly project: string;
      readonly isJson: boolean;
      readonly isProbing: boolean;
      /** A file of released images; undefined for the repository's own. */
      readonly release: string | undefined;
    };
export type DoctorOptions = Extract<DoctorCommand, { wants: 'look' }>;

/** The version that `--version` prints; a test keeps it equal to package.json. */
export const DOCTOR_VERSION = '0.1.0';
/** Compose's form of a project's name. */
const PROJECT = /^[a-z0-9][a-z0-9_-]{0,127}$/;
const PROJECT_DEFAULT = 'sotto';
/** An option that its refusal may repeat. */
const SHOWABLE = new RegExp(`^-{1,2}[A-Za-z][A-Za-z0-9-]{0,${OPTION_CHARS_MAX - 1}}$`);

const OPTIONS = {
  project: { type: 'string' },
  json: { type: 'boolean' },
  probe: { type: 'boolean' },
  'no-probe': { type: 'boolean' },
  release: { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** The first of `--help` and `--version` wins at every place. @throws DoctorError `usage` */
export function readOptions(args: readonly string[]): DoctorCommand {
  const question = findQuestion(args);
  if (question !== undefined) return { wants: question };
  const { values, tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    const problem = findProblem(token);
    if (problem !== undefined) throw new DoctorError('usage', { problem: message('usage.see-help', { problem }) });
  }
  const { project = PROJECT_DEFAULT, release } = values;
  if (typeof project !== 'string' || !PROJECT.test(project)) {
    throw new DoctorError('usage', { problem: message('usage.see-help', { problem: message('usage.not-a-project') }) });
  }
  if (release === '')
    throw new DoctorError('usage', {
      problem: message('usage.see-help', { problem: message('usage.needs-value', { option: '--release' }) }),
    });
  return {
    wants: 'look',
    project,
    isJson: values.json === true,
    isProbing: values['no-probe'] !== true,
    release: typeof release === 'string' ? release : undefined,
  };
}

function findQuestion(args: readonly string[]): 'help' | 'version' | undefined {
  for (const arg of args) {
    if (arg === '--') return undefined;
    if (arg === '--help' || arg === '-h') return 'help';
    if (arg === '--version' || arg === '-V') return 'version';
  }
  return undefined;
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];

/** @returns the fault as text, without any value. */
function findProblem(token: Token): string | undefined {
  if (token.kind === 'positional') return message('usage.too-many');
  if (token.kind !== 'option') return undefined;
  const known = Object.hasOwn(OPTIONS, token.name) ? OPTIONS[token.name as keyof typeof OPTIONS] : undefined;
  if (known === undefined) {
    const option = token.rawName;
    return SHOWABLE.test(option) ? message('usage.unknown-option-named', { option }) : message('usage.unknown-option');
  }
  const takesValue = known.type === 'string';
  // A value that begins with a hyphen is another option.
  const isMissing = token.value === undefined || (!token.inlineValue && token.value.startsWith('-'));
  if (takesValue && isMissing) return message('usage.needs-value', { option: token.rawName });
  return !takesValue && token.value !== undefined
    ? message('usage.value-refused', { option: token.rawName })
    : undefined;
}
