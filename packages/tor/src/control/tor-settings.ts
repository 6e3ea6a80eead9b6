// The settings that Sotto requires of Tor. The running Tor is asked, so their source does not
// matter.

/**
 * Ports that neither Tor may open (tor(1)). The names with `__` are Tor's own second set of them.
 */
const CLOSED = [
  ...(['ControlPort', 'TransPort', 'NATDPort', 'DNSPort', 'HTTPTunnelPort'] as const),
  ...(['__ControlPort', '__TransPort', '__NATDPort', '__DNSPort', '__HTTPTunnelPort'] as const),
  ...(['ORPort', 'ExtORPort', 'DirPort', 'MetricsPort'] as const),
] as const;
/** SOCKS is only ever to onions, a circuit for each pair of credentials. */
const SOCKS = ['SocksPort', '__SocksPort'] as const;
const SOCKS_MUST = ['OnionTrafficOnly', 'IsolateSOCKSAuth'];
const SOCKS_MUST_NOT = ['NoOnionTrafficOnly', 'NoIsolateSOCKSAuth'];
/** One hop to an onion service reveals where it is. */
const OFF = ['HiddenServiceSingleHopMode', 'HiddenServiceNonAnonymousMode'] as const;
/**
 * Without guards, or the second layer of them, an observer needs days and not months; without
 * scrubbing, logs hold addresses.
 */
const ON = { UseEntryGuards: ['1'], VanguardsLiteEnabled: ['1', 'auto'], SafeLogging: ['1'] } as const;

export const SETTING_NAMES = [
  ...SOCKS,
  ...CLOSED,
  ...OFF,
  ...(['UseEntryGuards', 'VanguardsLiteEnabled', 'SafeLogging'] as const),
] as const;
export type SettingName = (typeof SETTING_NAMES)[number];

/** Every value that Tor gave to each setting; none for a listener that is not configured. */
export type Settings = ReadonlyMap<SettingName, readonly string[]>;

/** @returns the names of the settings that no Tor of ours may run with */
export function unsafeSettings(settings: Settings): SettingName[] {
  const valuesOf = (name: SettingName): readonly string[] => settings.get(name) ?? [];
  return SETTING_NAMES.filter((name) => !isSafe(name, valuesOf(name)));
}

function isSafe(name: SettingName, values: readonly string[]): boolean {
  if (isOneOf(CLOSED, name)) return values.every((value) => value === '0');
  if (isOneOf(SOCKS, name)) return values.every((value) => value === '0' || isOnionOnly(value));
  if (isOneOf(OFF, name)) return values.length === 1 && values[0] === '0';
  const good: readonly string[] = ON[name];
  return values.length === 1 && good.includes(values[0] ?? '');
}

function isOnionOnly(listener: string): boolean {
  const [, ...flags] = listener.split(' ');
  return SOCKS_MUST.every((flag) => flags.includes(flag)) && !SOCKS_MUST_NOT.some((flag) => flags.includes(flag));
}

function isOneOf<Name extends string>(names: readonly Name[], name: string): name is Name {
  return (names as readonly string[]).includes(name);
}
