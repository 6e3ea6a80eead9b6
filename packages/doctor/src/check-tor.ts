// Checks of Tor: its version, and its settings by its command line and the container's
// configuration files.

import { message } from './messages.ts';
import { TOR_MINIMUM } from './limits.ts';
import type { ContainerFacts, Snapshot } from './snapshot.ts';
import { valueOf, valuesOf } from './torrc.ts';
import type { TorOption } from './torrc.ts';
import { lookAt, of, right, unclear, verdictOf, wrong } from './verdict.ts';
import type { Look, Verdict } from './verdict.ts';
import { compareVersions, readVersion } from './version.ts';

/**
 * Options that make Tor choose differently from all others, or leave its guards: tor(1), "can
 * weaken your anonymity".
 */
const PATH_OPTIONS = [
  'entrynodes',
  'exitnodes',
  'middlenodes',
  'excludenodes',
  'excludeexitnodes',
  'strictnodes',
  'numentryguards',
  'guardlifetime',
  'useentryguards',
  'newcircuitperiod',
  'maxcircuitdirtiness',
  'hiddenservicesinglehopmode',
  'hiddenservicenonanonymousmode',
];
/** Options of ports that offer another service than SOCKS to onions. */
const OTHER_PORTS = ['dnsport', 'transport', 'natdport', 'httptunnelport', 'orport', 'extorport'];
const OFF = new Set(['0', '']);

export function torVersion(snapshot: Snapshot): Verdict {
  const minimum = readVersion(TOR_MINIMUM);
  return verdictOf(
    torsOf(snapshot).flatMap(([{ name }, { version }]) =>
      lookAt(name, version, (text) => {
        const has = readVersion(text);
        if (has === undefined || minimum === undefined)
          return [unclear(message('evidence.tor-version-unreadable', { name }))];
        return [
          compareVersions(has, minimum) >= 0
            ? right(message('evidence.tor-version', { name, version: text, minimum: TOR_MINIMUM }))
            : wrong(message('evidence.tor-old', { name, version: text, minimum: TOR_MINIMUM })),
        ];
      }),
    ),
    message('evidence.no-tor'),
  );
}

export function torVanguards(snapshot: Snapshot): Verdict {
  return ofOptions(snapshot, (options) => {
    const set = PATH_OPTIONS.filter((name) => options.some(([key]) => key === name));
    if (set.length > 0) return wrong(message('evidence.tor-sets', { options: set.join(', ') }));
    const vanguards = valueOf(options, 'vanguardsliteenabled');
    if (vanguards === undefined) return wrong(message('evidence.tor-option-unset', { option: 'VanguardsLiteEnabled' }));
    const saw = message('evidence.tor-option', { option: 'VanguardsLiteEnabled', value: vanguards });
    return vanguards === '1' ? right(saw) : wrong(saw);
  });
}

export function torSocks(snapshot: Snapshot): Verdict {
  return ofOptions(snapshot, (options, { service }) => {
    const other = OTHER_PORTS.filter((name) => valuesOf(options, name).some((value) => !OFF.has(value)));
    if (other.length > 0) return wrong(message('evidence.tor-offers', { options: other.join(', ') }));
    const ports = valuesOf(options, 'socksport');
    if (service === 'tor')
      return ports.length > 0 && ports.every((port) => port === '0')
        ? right(message('evidence.tor-option', { option: 'SocksPort', value: 0 }))
        : wrong(message('evidence.tor-offers-socks'));
    const loose = ports.filter((port) => !OFF.has(port) && !/\bOnionTrafficOnly\b/i.test(port));
    if (ports.length === 0) return wrong(message('evidence.tor-default-socks'));
    return loose.length === 0 ? right(message('evidence.tor-onions-only')) : wrong(message('evidence.tor-socks-loose'));
  });
}

export function torControl(snapshot: Snapshot): Verdict {
  return ofOptions(snapshot, (options) => {
    if (valuesOf(options, 'controlport').some((port) => !OFF.has(port) && !port.startsWith('unix:')))
      return wrong(message('evidence.tor-control-port'));
    if (valuesOf(options, 'hashedcontrolpassword').length > 0) return wrong(message('evidence.tor-password'));
    return valueOf(options, 'cookieauthentication') === '1'
      ? right(message('evidence.tor-cookie'))
      : wrong(message('evidence.tor-no-cookie'));
  });
}

export function torQuiet(snapshot: Snapshot): Verdict {
  return ofOptions(snapshot, (options) => {
    const scrubbing = valueOf(options, 'safelogging') ?? '1';
    if (scrubbing !== '1') return wrong(message('evidence.tor-option', { option: 'SafeLogging', value: scrubbing }));
    const loud = valuesOf(options, 'log').filter((line) => /\b(file|syslog|debug|info)\b/i.test(line));
    return loud.length === 0 ? right(message('evidence.tor-quiet')) : wrong(message('evidence.tor-loud'));
  });
}

function ofOptions(
  snapshot: Snapshot,
  validate: (options: readonly TorOption[], container: ContainerFacts) => Look,
): Verdict {
  return verdictOf(
    torsOf(snapshot).flatMap(([container, { options }]) =>
      lookAt(container.name, options, (all) => {
        const look = validate(all, container);
        return [{ ...look, saw: of(container.name, look.saw) }];
      }),
    ),
    message('evidence.no-tor'),
  );
}

function torsOf({ containers }: Snapshot): (readonly [ContainerFacts, NonNullable<ContainerFacts['tor']>])[] {
  return containers.flatMap((container) => (container.tor === null ? [] : [[container, container.tor] as const]));
}
