// The doctor's command line.

import { parseArgs } from 'node:util';
import { DoctorError } from './errors.ts';
import { OPTION_CHARS_MAX } from './limits.ts';

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

/** The version that `--version` tells; a test keeps it equal to package.json. */
export const DOCTOR_VERSION = '0.1.0';
/** What Compose takes as a project's name. */
const PROJECT = /^[a-z0-9][a-z0-9_-]{0,127}$/;
const PROJECT_DEFAULT = 'sotto';
/** An option that can be repeated in the line that refuses it. */
const SHOWABLE = new RegExp(`^-{1,2}[A-Za-z][A-Za-z0-9-]{0,${OPTION_CHARS_MAX - 1}}$`);

export const HELP = `Usage: ./scripts/doctor [options]

Checks a running stack of Sotto from outside, and prints for each requirement
whether it is met, with the evidence: green, red, or cannot tell. It changes
nothing: it asks the Docker engine, reads /proc of this machine if the engine
runs here, and asks Tor for its version. To try whether anything gets out, it
starts a container of one of Sotto's own images for a few seconds on each
internal network. That container tries two documentation addresses
(198.51.100.1 and 198.51.100.129) and the network's gateway. The doctor removes
it again.

  --project NAME   the name that the stack was started under; sotto if absent
                   (with the private test network: sotto-tornet)
  --json           print one JSON object to standard output
  --no-probe       start no container; its requirements are then "cannot tell"
  --release FILE   the released images, as ./scripts/verify --digests prints
                   them; docs/released-digests.txt if absent
  -V, --version    show the version
  -h, --help       show this text

Exit codes: 0 every requirement is green; 1 one is red; 2 one cannot be told, or
the doctor cannot look (its code is on standard error); 64 a wrong option,
argument or variable.
`;

const OPTIONS = {
  project: { type: 'string' },
  json: { type: 'boolean' },
  probe: { type: 'boolean' },
  'no-probe': { type: 'boolean' },
  release: { type: 'string' },
  version: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** `--help` and `--version` win wherever they stand, the first of them. @throws DoctorError `usage` */
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
    if (problem !== undefined) throw new DoctorError('usage', { problem: `${problem}: see --help` });
  }
  const { project = PROJECT_DEFAULT, release } = values;
  if (typeof project !== 'string' || !PROJECT.test(project)) {
    throw new DoctorError('usage', { problem: '--project is not the name of a Compose project: see --help' });
  }
  if (release === '') throw new DoctorError('usage', { problem: '--release needs a value: see --help' });
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

/** Names the fault, without any value. */
function findProblem(token: Token): string | undefined {
  if (token.kind === 'positional') return 'an argument too many: the doctor takes none';
  if (token.kind !== 'option') return undefined;
  const shown = SHOWABLE.test(token.rawName) ? ` ${token.rawName}` : '';
  const known = Object.hasOwn(OPTIONS, token.name) ? OPTIONS[token.name as keyof typeof OPTIONS] : undefined;
  if (known === undefined) return `unknown option${shown}`;
  const takesValue = known.type === 'string';
  // A value that begins with a hyphen is another option.
  const isMissing = token.value === undefined || (!token.inlineValue && token.value.startsWith('-'));
  if (takesValue && isMissing) return `${token.rawName} needs a value`;
  return !takesValue && token.value !== undefined ? `${token.rawName} takes no value` : undefined;
}
