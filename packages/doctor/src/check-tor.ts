// Which Tor runs, and whether its settings are those that protect: from its own word and its configuration files, as they are in the container.

import { TOR_MINIMUM } from './limits.ts';
import type { ContainerFacts, Snapshot } from './snapshot.ts';
import { valueOf, valuesOf } from './torrc.ts';
import type { TorOption } from './torrc.ts';
import { lookAt, right, unclear, verdictOf, wrong } from './verdict.ts';
import type { Look, Verdict } from './verdict.ts';
import { compareVersions, readVersion } from './version.ts';

/** They make a Tor choose otherwise than all others do, or leave its guards: tor(1), "can weaken your anonymity". */
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
/** Ports through which something else than SOCKS to onions would be offered. */
const OTHER_PORTS = ['dnsport', 'transport', 'natdport', 'httptunnelport', 'orport', 'extorport'];
const OFF = new Set(['0', '']);

export function torVersion(snapshot: Snapshot): Verdict {
  const minimum = readVersion(TOR_MINIMUM);
  return verdictOf(
    torsOf(snapshot).flatMap(([{ name }, { version }]) =>
      lookAt(name, version, (text) => {
        const has = readVersion(text);
        if (has === undefined || minimum === undefined) return [unclear(`${name}: its version cannot be read`)];
        return [
          compareVersions(has, minimum) >= 0
            ? right(`${name}: ${text}, at least ${TOR_MINIMUM}`)
            : wrong(`${name}: ${text} is older than ${TOR_MINIMUM}`),
        ];
      }),
    ),
    'no Tor is there',
  );
}

export function torVanguards(snapshot: Snapshot): Verdict {
  return ofOptions(snapshot, (options) => {
    const set = PATH_OPTIONS.filter((name) => options.some(([key]) => key === name));
    if (set.length > 0) return wrong(`sets ${set.join(', ')}`);
    const vanguards = valueOf(options, 'vanguardsliteenabled');
    return vanguards === '1'
      ? right('VanguardsLiteEnabled 1')
      : wrong(`VanguardsLiteEnabled ${vanguards ?? 'is not set'}`);
  });
}

export function torSocks(snapshot: Snapshot): Verdict {
  return ofOptions(snapshot, (options, { service }) => {
    const other = OTHER_PORTS.filter((name) => valuesOf(options, name).some((value) => !OFF.has(value)));
    if (other.length > 0) return wrong(`offers ${other.join(', ')}`);
    const ports = valuesOf(options, 'socksport');
    if (service === 'tor')
      return ports.length > 0 && ports.every((port) => port === '0') ? right('SocksPort 0') : wrong('offers SOCKS');
    const loose = ports.filter((port) => !OFF.has(port) && !/\bOnionTrafficOnly\b/i.test(port));
    if (ports.length === 0) return wrong('its SocksPort is the default one, which leads everywhere');
    return loose.length === 0 ? right('OnionTrafficOnly on every SocksPort') : wrong('a SocksPort leads beyond onions');
  });
}

export function torControl(snapshot: Snapshot): Verdict {
  return ofOptions(snapshot, (options) => {
    if (valuesOf(options, 'controlport').some((port) => !OFF.has(port) && !port.startsWith('unix:')))
      return wrong('a ControlPort is open');
    if (valuesOf(options, 'hashedcontrolpassword').length > 0) return wrong('a password opens its control socket');
    return valueOf(options, 'cookieauthentication') === '1'
      ? right('a Unix socket, with a cookie')
      : wrong('no cookie is asked for');
  });
}

export function torQuiet(snapshot: Snapshot): Verdict {
  return ofOptions(snapshot, (options) => {
    const scrubbing = valueOf(options, 'safelogging') ?? '1';
    if (scrubbing !== '1') return wrong(`SafeLogging ${scrubbing}`);
    const loud = valuesOf(options, 'log').filter((line) => /\b(file|syslog|debug|info)\b/i.test(line));
    return loud.length === 0
      ? right('SafeLogging 1, notices to its own output')
      : wrong('logs more than notices, or elsewhere');
  });
}

function ofOptions(
  snapshot: Snapshot,
  judge: (options: readonly TorOption[], container: ContainerFacts) => Look,
): Verdict {
  return verdictOf(
    torsOf(snapshot).flatMap(([container, { options }]) =>
      lookAt(container.name, options, (all) => {
        const look = judge(all, container);
        return [{ ...look, saw: `${container.name}: ${look.saw}` }];
      }),
    ),
    'no Tor is there',
  );
}

function torsOf({ containers }: Snapshot): (readonly [ContainerFacts, NonNullable<ContainerFacts['tor']>])[] {
  return containers.flatMap((container) => (container.tor === null ? [] : [[container, container.tor] as const]));
}
