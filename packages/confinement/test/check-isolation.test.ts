import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROTECTIONS } from '../src/errors.ts';
import type { Protection, ProtectionStatus } from '../src/errors.ts';
import type { Evidence } from '../src/evidence.ts';
import { validateIsolation } from '../src/check-isolation.ts';
import { gatewaysOf } from '../src/routes.ts';
import type { NetworkRequirement } from '../src/routes.ts';
import {
  PROTECTED,
  ROUTES_HEADER,
  WITHOUT_NETWORK,
  withField,
  withGateway,
  withIpv6Route,
  withoutField,
  withRoute,
} from './kernel-texts.ts';

const [ANYWHERE, A_GATEWAY] = ['0'.repeat(32), `fd00${'0'.repeat(27)}1`];
const ALL_CAPABILITIES = '000001ffffffffff';

/** What is not in place; everything else is. */
function lacking(
  evidence: Evidence,
  network: NetworkRequirement = 'inner',
): Partial<Record<Protection, ProtectionStatus>> {
  return Object.fromEntries(
    Object.entries(validateIsolation(evidence, network)).filter(([, status]) => status !== 'in-place'),
  );
}

test('the shipped stack lacks no protection, with an internal network and with none', () => {
  expect(lacking(PROTECTED)).toEqual({});
  expect(lacking(WITHOUT_NETWORK)).toEqual({});
  expect(lacking(WITHOUT_NETWORK, 'none')).toEqual({});
});

describe('the user', () => {
  test.each(['0\t0\t0\t0', '10004\t0\t10004\t10004', '10004\t10004\t0\t10004', '10004\t10004\t10004\t00'])(
    'may not be root in any of its four kinds: %j',
    (uids) => expect(lacking(withField('Uid', uids))).toEqual({ user: 'missing' }),
  );

  test.each(['', '10004', '10004\t10004\t10004', 'relay\trelay\trelay\trelay', '-1\t1\t1\t1'])(
    'counts as unseen if the kernel’s line is malformed: %j',
    (uids) => expect(lacking(withField('Uid', uids))).toEqual({ user: 'unseen' }),
  );
});

describe('capabilities', () => {
  test.each(['CapPrm', 'CapEff', 'CapBnd'])('are missing as a protection if %s holds any', (set) => {
    for (const value of ['0000000000000001', ALL_CAPABILITIES, '0000010000000000', '00000000a80425fb']) {
      expect(lacking(withField(set, value))).toEqual({ capabilities: 'missing' });
    }
    expect(lacking(withoutField(set))).toEqual({ capabilities: 'unseen' });
    expect(lacking(withField(set, 'none'))).toEqual({ capabilities: 'unseen' });
  });
});

describe('no-new-privileges', () => {
  test('is missing where a process may gain privileges', () => {
    expect(lacking(withField('NoNewPrivs', '0'))).toEqual({ 'no-new-privileges': 'missing' });
  });

  test('counts as unseen where the kernel has no field for it, as in gVisor', () => {
    expect(lacking(withoutField('NoNewPrivs'))).toEqual({ 'no-new-privileges': 'unseen' });
    expect(lacking(withField('NoNewPrivs', 'yes'))).toEqual({ 'no-new-privileges': 'unseen' });
  });
});

describe('the system call filter', () => {
  test.each(['0', '1'])('is missing in mode %s', (mode) => {
    expect(lacking(withField('Seccomp', mode))).toEqual({ seccomp: 'missing' });
  });

  test('has to be Sotto’s: Docker’s own allows a netlink socket', () => {
    expect(lacking({ ...PROTECTED, netlink: 'open' })).toEqual({ seccomp: 'missing' });
  });

  test('counts as unseen where the kernel has no field for it', () => {
    expect(lacking(withoutField('Seccomp'))).toEqual({ seccomp: 'unseen' });
    expect(lacking(withField('Seccomp', ''))).toEqual({ seccomp: 'unseen' });
    expect(lacking(withField('Seccomp', '22'))).toEqual({ seccomp: 'unseen' });
  });
});

describe('the root file system', () => {
  const mounted = (mounts: string): Evidence => ({ ...PROTECTED, mounts });

  test.each([
    'overlay / overlay rw,relatime 0 0\n',
    'overlay / overlay rw,lowerdir=/ro,ro=1 0 0\n',
    'overlay / overlay errors=remount-ro 0 0\n',
    'overlay / overlay ro,relatime 0 0\ntmpfs / tmpfs rw 0 0\n',
  ])('counts as writable: %j', (mounts) => expect(lacking(mounted(mounts))).toEqual({ 'read-only': 'missing' }));

  test('is checked at the topmost mount', () => {
    expect(lacking(mounted('rootfs / rootfs rw 0 0\noverlay / overlay ro 0 0\n'))).toEqual({});
  });

  test.each(['', '\n', 'overlay /data overlay ro 0 0\n', 'overlay / overlay\n', '\u0000'])(
    'counts as unseen with a malformed mount table: %j',
    (mounts) => expect(lacking(mounted(mounts))).toEqual({ 'read-only': 'unseen' }),
  );
});

describe('the network', () => {
  test.each([
    ['a default route without a gateway', {}],
    ['half of a default route', { mask: '00000080' }],
    ['the other half', { to: '00000080', mask: '00000080' }],
  ])('leads out by %s', (_what, route) => expect(lacking(withRoute(route))).toEqual({ network: 'missing' }));

  test.each([
    ['a default route', { to: ANYWHERE, bits: 0, through: A_GATEWAY, flags: 3, device: 'eth0' }],
    ['a default route on the link', { to: ANYWHERE, bits: 0, flags: 1, device: 'eth0' }],
    ['a way to one host', { to: `2001${ANYWHERE.slice(4)}`, bits: 128, through: A_GATEWAY, flags: 7, device: 'eth0' }],
    ['half of all addresses', { to: ANYWHERE, bits: 1, flags: 1, device: 'tun0' }],
  ])('leads out over IPv6 by %s', (_what, route) =>
    expect(lacking(withIpv6Route(route))).toEqual({ network: 'missing' }),
  );

  test('leads out through a gateway that has answered', () => {
    expect(lacking(withGateway('0x2'))).toEqual({ network: 'missing' });
    expect(lacking(withGateway('0x6'))).toEqual({ network: 'missing' });
  });

  test('does not lead out through an absent gateway, as on Docker’s internal networks', () => {
    expect(lacking(withGateway('0x0'))).toEqual({});
    expect(lacking(withGateway('0x0'), 'none')).toEqual({ network: 'missing' });
  });

  test('counts as unasked until the gateways have been asked', () => {
    expect(lacking({ ...withGateway('0x2'), gateways: 'unasked' })).toEqual({ network: 'unasked' });
  });

  test('counts as unseen through a gateway that the kernel has not looked for', () => {
    expect(lacking(withGateway(undefined))).toEqual({ network: 'unseen' });
    expect(lacking({ ...withGateway('0x0'), neighbours: undefined })).toEqual({ network: 'unseen' });
    expect(lacking({ ...withGateway('0x0'), neighbours: '172.18.0.1 is not there\n' })).toEqual({ network: 'unseen' });
    const another = {
      ...withGateway('0x0'),
      routes: `${withGateway('0x0').routes ?? ''}eth1\t07000A0A\t020012AC\t0007\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n`,
    };
    expect(gatewaysOf(another.routes)).toEqual(['172.18.0.1', '172.18.0.2']);
    expect(lacking(another)).toEqual({ network: 'unseen' });
  });

  test('does not lead out through a rejecting route', () => {
    expect(lacking(withRoute({ flags: '0201', device: '*' }))).toEqual({});
    expect(lacking(withIpv6Route({ to: ANYWHERE, bits: 0, flags: 0x00200200, device: 'lo' }))).toEqual({});
  });

  test('leads out with a mere neighbour if no network is required', () => {
    expect(lacking(PROTECTED, 'none')).toEqual({ network: 'missing' });
    expect(lacking({ ...WITHOUT_NETWORK, routes: PROTECTED.routes }, 'none')).toEqual({ network: 'missing' });
    expect(lacking({ ...WITHOUT_NETWORK, ipv6Routes: PROTECTED.ipv6Routes }, 'none')).toEqual({ network: 'missing' });
  });

  test('needs no table of IPv6 if the kernel has no IPv6', () => {
    expect(lacking({ ...PROTECTED, ipv6Routes: '' })).toEqual({});
  });

  test.each([
    ['no table', ''],
    ['no header', 'eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n'],
    ['a short line', `${ROUTES_HEADER}eth0\t00000000\n`],
    ['other numbers', `${ROUTES_HEADER}eth0\t0.0.0.0\t0.0.0.0\t1\t0\t0\t0\t0.0.0.0\t0\t0\t0\n`],
  ])('counts as unseen with %s', (_what, routes) => {
    expect(lacking({ ...PROTECTED, routes })).toEqual({ network: 'unseen' });
    expect(lacking({ ...WITHOUT_NETWORK, routes }, 'none')).toEqual({ network: 'unseen' });
  });

  test('counts as unseen with a malformed table of IPv6', () => {
    expect(lacking({ ...PROTECTED, ipv6Routes: 'default via ::1\n' })).toEqual({ network: 'unseen' });
  });

  test('leads out if one table shows it, even if the other is unreadable', () => {
    expect(lacking({ ...withGateway('0x2'), ipv6Routes: undefined })).toEqual({ network: 'missing' });
  });
});

test('evidence that cannot be read counts as missing', () => {
  const nothing: Evidence = {
    status: undefined,
    mounts: undefined,
    routes: undefined,
    ipv6Routes: undefined,
    neighbours: undefined,
    gateways: 'asked',
    netlink: 'refused',
  };
  expect(Object.keys(lacking(nothing))).toEqual(Object.keys(PROTECTIONS));
});

test('a repeated field counts as unseen', () => {
  for (const field of ['Uid:\t1\t1\t1\t1', 'NoNewPrivs:\t1', 'Seccomp:\t2', 'CapEff:\t0000000000000000']) {
    expect(Object.values(lacking({ ...PROTECTED, status: `${PROTECTED.status ?? ''}${field}\n` }))).toEqual(['unseen']);
  }
});

test('no text makes the check throw, and only the kernel’s own text shows a protection', () => {
  const text = fc.string({ unit: 'binary', maxLength: 300 });
  const evidence = fc.record({
    status: text,
    mounts: text,
    routes: text,
    ipv6Routes: text,
    neighbours: text,
    gateways: fc.constantFrom('unasked' as const, 'asked' as const),
    netlink: fc.constantFrom('open' as const, 'refused' as const),
  });
  fc.assert(
    fc.property(evidence, (spoilt) => {
      expect(Object.values(validateIsolation(spoilt, 'inner'))).not.toContain('in-place');
    }),
  );
});
