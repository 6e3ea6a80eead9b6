// Tor's options as Tor reads them, and nothing kept that is nobody's business.

import { describe, expect, test } from 'vitest';
import { readTorCommand, readTorrc, valueOf, valuesOf } from '../src/torrc.ts';

describe('a torrc', () => {
  test('is read line by line without comments, and its names are in lower case', () => {
    const options = readTorrc(
      '# none\nSocksPort 0 # no SOCKS\n\n  VanguardsLiteEnabled\t1\r\n+Log notice \\\n stdout\n',
    );
    expect(options).toEqual([
      ['socksport', '0'],
      ['vanguardsliteenabled', '1'],
      ['log', 'notice stdout'],
    ]);
  });

  test('reveals no value that no check needs: bridges and keys are private', () => {
    const options = readTorrc('Bridge obfs4 198.51.100.7:443 cert=secret\nHashedControlPassword 16:ABCD\nNickname me');
    expect(JSON.stringify(options)).not.toMatch(/198|secret|ABCD|me"\]$/);
    expect(options.map(([name]) => name)).toEqual(['bridge', 'hashedcontrolpassword', 'nickname']);
  });

  test('gives the last value of an option, or all of its values', () => {
    const options = readTorrc('SafeLogging 1\nSocksPort 0\nSafeLogging 0\nSocksPort 9050');
    expect(valueOf(options, 'safelogging')).toBe('0');
    expect(valuesOf(options, 'socksport')).toEqual(['0', '9050']);
    expect(valueOf(options, 'log')).toBeUndefined();
  });
});

describe('a command line of tor', () => {
  test('gives its files, the defaults first, and its options', () => {
    expect(readTorCommand(['-f', '/a', '--SocksPort', '0', '--defaults-torrc', '/d', 'ClientOnly', '1'])).toEqual({
      files: ['/d', '/a'],
      options: [
        ['socksport', '0'],
        ['clientonly', ''],
      ],
    });
  });

  test('has the default file if it names none', () => {
    expect(readTorCommand(['--quiet', '--SafeLogging', '0'])).toEqual({
      files: ['/etc/tor/torrc'],
      options: [['safelogging', '0']],
    });
  });
});
