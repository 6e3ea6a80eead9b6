// Reads Tor's options as Tor does: a file of lines, then pairs on the command line. Only options that a requirement is about keep their value.

/** Options whose values the checks ask for, in lower case: Tor's options are not case-sensitive. Others may hold bridges or keys. */
const TORRC_OPTIONS: readonly string[] = [
  'controlport',
  'cookieauthentication',
  'dnsport',
  'extorport',
  'httptunnelport',
  'log',
  'natdport',
  'orport',
  'safelogging',
  'socksport',
  'transport',
  'vanguardsliteenabled',
];

export type TorOption = readonly [name: string, value: string];

/** The lines of a torrc, comments and continuations resolved. A leading `+` or `/` of a name is left out. */
export function readTorrc(text: string): TorOption[] {
  return text
    .replaceAll(/\s*\\\r?\n\s*/g, ' ')
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
    .map((line) => {
      const [, name = '', value = ''] = /^[+/]?(\S+)\s*(.*)$/.exec(line) ?? [];
      return option(name, value);
    });
}

/** What `tor` was started with: its configuration files, its defaults first, and the options that come after them. */
export interface TorCommand {
  readonly files: readonly string[];
  readonly options: readonly TorOption[];
}

const DEFAULT_FILE = '/etc/tor/torrc';
const FILE_FLAGS = new Set(['-f', '--defaults-torrc']);
const BARE_FLAGS = new Set(['--ignore-missing-torrc', '--allow-missing-torrc', '--quiet', '--hush', '--verify-config']);

export function readTorCommand(args: readonly string[]): TorCommand {
  const [defaults, files, options]: [string[], string[], TorOption[]] = [[], [], []];
  for (let index = 0; index < args.length; index += 1) {
    const [argument = '', value = ''] = [args[index], args[index + 1]];
    if (BARE_FLAGS.has(argument)) continue;
    index += 1;
    if (argument === '--defaults-torrc') defaults.push(value);
    else if (FILE_FLAGS.has(argument)) files.push(value);
    else options.push(option(argument.replace(/^(--)?[+/]?/, ''), value));
  }
  return { files: [...defaults, ...(files.length > 0 ? files : [DEFAULT_FILE])], options };
}

function option(name: string, value: string): TorOption {
  const key = name.toLowerCase();
  return [key, TORRC_OPTIONS.includes(key) ? value.trim() : ''];
}

/** All values of an option. */
export function valuesOf(options: readonly TorOption[], name: string): string[] {
  return options.filter(([key]) => key === name).map(([, value]) => value);
}

/** The value that holds where an option may stand once: the last one. */
export function valueOf(options: readonly TorOption[], name: string): string | undefined {
  return valuesOf(options, name).at(-1);
}
