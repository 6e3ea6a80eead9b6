// The doctor's command line.

import { parseArgs } from 'node:util';
import { DoctorError } from './errors.ts';

export interface DoctorOptions {
  readonly project: string;
  readonly isJson: boolean;
  readonly isProbing: boolean;
  /** A file of released images; undefined for the repository's own. */
  readonly release: string | undefined;
  readonly isHelp: boolean;
}

/** What Compose takes as a project's name. */
const PROJECT = /^[a-z0-9][a-z0-9_-]{0,127}$/;

export const HELP = `Usage: ./scripts/doctor [--project NAME] [--json] [--no-probe] [--release FILE]

Looks at a running stack of Sotto from outside and says of each promise whether it holds, with its evidence: green, red, or that it
cannot tell. It changes nothing: it asks the Docker engine, reads /proc of this machine if the engine runs on it, and asks Tor for its
version. To see for itself that nothing gets out, it starts a container of one of Sotto's own images for a few seconds on each internal
network; that tries two documentation addresses (198.51.100.1, 198.51.100.129) and the network's gateway, and is removed again.

  --project NAME   the stack that was started under this name (default: sotto; with the private test network: sotto-tornet)
  --json           one JSON object on standard output
  --no-probe       starts no container; the promises that it shows are then "cannot tell"
  --release FILE   what was released, as ./scripts/verify --digests prints it (default: docs/released-digests.txt)
  --help           this text

Exit codes: 0 every promise is green, 1 one is red, 2 one cannot be told, or the doctor cannot look (its code is on standard error).
`;

/** @throws DoctorError `usage` */
export function readOptions(args: readonly string[]): DoctorOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        project: { type: 'string', default: 'sotto' },
        json: { type: 'boolean', default: false },
        probe: { type: 'boolean', default: true },
        'no-probe': { type: 'boolean', default: false },
        release: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (!PROJECT.test(values.project)) throw new DoctorError('usage');
    return {
      project: values.project,
      isJson: values.json,
      isProbing: values.probe && !values['no-probe'],
      release: values.release,
      isHelp: values.help,
    };
  } catch (cause) {
    throw new DoctorError('usage', { cause });
  }
}
