// Which Tor and which network this is, and whether it is set up as it must be, asked once on every
// new control connection before anything else is done with it.

import type { TorControl } from './control.ts';
import { TorError } from '../errors.ts';
import { SETTING_NAMES, unsafeSettings } from './tor-settings.ts';

/**
 * Older ones have known holes in onion services and clients (reference: TROVE-2026-020,
 * TROVE-2026-026).
 */
export const OLDEST_TOR = '0.4.9.11';

const VERSION = /^([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})\.([0-9]{1,4})(?:[-+ ].*)?$/;

/** `private-test`: `TestingTorNetwork 1`, a network for tests, which protects no one. */
export type NetworkKind = 'private-test' | 'public';

export interface TorIdentity {
  /** Four numbers, e.g. `0.4.9.11`; a suffix of the build is dropped. */
  readonly version: string;
  readonly network: NetworkKind;
}

/**
 * @throws TorError `tor-too-old`, `tor-unprotected`, `control-unexpected` or the code with which
 * the connection ended
 */
export async function identifyTor(control: TorControl): Promise<TorIdentity> {
  const info = await control.getInfo(['version']);
  const version = readTorVersion(info.get('version') ?? '');
  if (version === undefined) throw new TorError('control-unexpected');
  if (isOlder(version, OLDEST_TOR)) throw new TorError('tor-too-old');
  if (unsafeSettings(await control.getConfLists(SETTING_NAMES)).length > 0) throw new TorError('tor-unprotected');
  const conf = await control.getConf(['TestingTorNetwork']);
  return { version, network: readNetworkKind(conf.get('TestingTorNetwork')) };
}

/** The four numbers of a version text of Tor; undefined if it is none. */
export function readTorVersion(text: string): string | undefined {
  return VERSION.exec(text)?.slice(1, 5).map(Number).join('.');
}

/** Compares two versions of four numbers. */
export function isOlder(version: string, than: string): boolean {
  const [left, right] = [version.split('.').map(Number), than.split('.').map(Number)];
  const differing = left.findIndex((number, index) => number !== right[index]);
  return differing !== -1 && (left[differing] ?? 0) < (right[differing] ?? 0);
}

function readNetworkKind(value: string | undefined): NetworkKind {
  if (value === '0') return 'public';
  if (value === '1') return 'private-test';
  throw new TorError('control-unexpected');
}
