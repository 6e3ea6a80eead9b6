// The host's view of Tor publishes own onions, and refuses a Tor with other settings.

import { describe, expect, test } from 'vitest';
import { openOnionControl } from '../src/onion/onion-control.ts';
import type { UploadProgress } from '../src/onion/onion-control.ts';
import { OnionKey } from '../src/onion/onion-key.ts';
import type { Answer } from '@sotto/fixtures/scripted-tor';
import { FakeClock } from '@sotto/fixtures';
import { ScriptedTor, settingsReply } from '@sotto/fixtures/scripted-tor';

const KEY = new OnionKey();
const REQUEST = { key: KEY, targetSocketPath: '/run/relay/relay.sock' };
const PUBLISHES: Answer = (command) =>
  command.startsWith('ADD_ONION') ? `250-ServiceID=${KEY.address}\r\n250 OK\r\n` : undefined;

const failsWith = (code: string): unknown => expect.objectContaining({ code });

describe('publishing', () => {
  test('publishing waits for the first upload and counts the others', async () => {
    await using tor = await ScriptedTor.start({ answer: PUBLISHES });
    const onions = await openOnionControl(tor.address);
    const seen: UploadProgress[] = [];
    const published = onions.publish(REQUEST, { onProgress: (progress) => seen.push(progress) });
    await tor.saw('ADD_ONION');
    tor.emit(`HS_DESC UPLOAD ${KEY.address} UNKNOWN $AAAA~relay abc HSDIR_INDEX=00`);
    tor.emit(`HS_DESC UPLOADED ${new OnionKey().address} UNKNOWN $AAAA~relay`);
    tor.emit(`HS_DESC FAILED ${KEY.address} UNKNOWN $BBBB~relay REASON=UPLOAD_REJECTED`);
    tor.emit(`HS_DESC UPLOADED ${KEY.address} UNKNOWN $AAAA~relay`);
    expect(await published).toBe(KEY.address);
    expect(seen.map(({ attempted, failed, uploaded }) => [attempted, failed, uploaded])).toEqual([
      [1, 0, 0],
      [1, 1, 0],
      [1, 1, 1],
    ]);
    expect(onions.uploads(KEY.address)).toMatchObject({ expected: 8, lastFailure: 'UPLOAD_REJECTED' });
    onions.close();
  });

  test('publishing requests its events before it adds the onion', async () => {
    await using tor = await ScriptedTor.start({ answer: PUBLISHES });
    const onions = await openOnionControl(tor.address);
    const published = onions.publish(REQUEST);
    await tor.saw('ADD_ONION');
    tor.emit(`HS_DESC UPLOADED ${KEY.address} UNKNOWN $AAAA~relay`);
    await published;
    const names = tor.commands.map((command) => command.split(' ')[0]);
    expect(names).toEqual(['GETINFO', 'GETCONF', 'GETCONF', 'SETEVENTS', 'GETINFO', 'ADD_ONION']);
    expect(tor.commands[3]).toContain('HS_DESC');
    onions.close();
  });

  test('publishing gives up after its time and deletes the onion', async () => {
    await using tor = await ScriptedTor.start({ answer: PUBLISHES });
    const clock = new FakeClock();
    const onions = await openOnionControl({ ...tor.address, clock });
    const published = onions.publish(REQUEST, { timeoutMs: 1_000 });
    const refused = expect(published).rejects.toThrow(failsWith('onion-upload-timeout'));
    await tor.saw('ADD_ONION');
    while (!clock.waiting.includes(1_000)) await new Promise((resolve) => setImmediate(resolve));
    clock.tick(1_000);
    await refused;
    expect(tor.commands.at(-1)).toBe(`DEL_ONION ${KEY.address}`);
    onions.close();
  });

  test('an abort ends publishing and deletes the onion', async () => {
    await using tor = await ScriptedTor.start({ answer: PUBLISHES });
    const onions = await openOnionControl(tor.address);
    const stop = new AbortController();
    const refused = expect(onions.publish(REQUEST, { signal: stop.signal })).rejects.toThrow(failsWith('aborted'));
    await tor.saw('ADD_ONION');
    stop.abort();
    await refused;
    expect(tor.commands.at(-1)).toBe(`DEL_ONION ${KEY.address}`);
    await expect(onions.publish(REQUEST, { signal: stop.signal })).rejects.toThrow(failsWith('aborted'));
    onions.close();
  });

  test('publishing fails when the connection ends', async () => {
    await using tor = await ScriptedTor.start({ answer: PUBLISHES });
    const onions = await openOnionControl(tor.address);
    const refused = expect(onions.publish(REQUEST)).rejects.toThrow(failsWith('control-closed'));
    await tor.saw('ADD_ONION');
    await tor.down();
    await refused;
    expect(await onions.closed).toBe('control-closed');
  });

  test('an onion is not published twice, and only own onions are deleted', async () => {
    await using tor = await ScriptedTor.start({ answer: PUBLISHES });
    const onions = await openOnionControl(tor.address);
    const published = onions.publish(REQUEST);
    await tor.saw('ADD_ONION');
    await expect(onions.publish(REQUEST)).rejects.toThrow(failsWith('onion-limit'));
    tor.emit(`HS_DESC UPLOADED ${KEY.address} UNKNOWN $AAAA~relay`);
    await published;
    await expect(onions.remove(new OnionKey().address)).rejects.toThrow(failsWith('onion-unknown'));
    await onions.remove(KEY.address);
    expect(tor.commands.filter((command) => command.startsWith('DEL_ONION'))).toEqual([`DEL_ONION ${KEY.address}`]);
    onions.close();
  });
});

describe('the Tor behind it', () => {
  const setTo = (changed: Parameters<typeof settingsReply>[0]): Promise<ScriptedTor> =>
    ScriptedTor.start({
      answer: (command) => (command.startsWith('GETCONF SocksPort') ? settingsReply(changed) : undefined),
    });

  test.each<[string, Parameters<typeof settingsReply>[0]]>([
    ['a control port', { ControlPort: ['9051'] }],
    ['a control port of any number', { ControlPort: ['auto'] }],
    ['a second SOCKS port that leads everywhere', { SocksPort: ['0', '127.0.0.1:9051'] }],
    ['SOCKS without isolation', { SocksPort: ['9050 OnionTrafficOnly NoIsolateSOCKSAuth'] }],
    [
      'SOCKS whose isolation is taken back',
      { SocksPort: ['9050 OnionTrafficOnly IsolateSOCKSAuth NoIsolateSOCKSAuth'] },
    ],
    ['SOCKS of Tor’s second set', { __SocksPort: ['9050'] }],
    ['a transparent proxy', { TransPort: ['9040'] }],
    ['a name server', { DNSPort: ['53'] }],
    ['a proxy for HTTP', { HTTPTunnelPort: ['8118'] }],
    ['a relay of the Tor network', { ORPort: ['9001'] }],
    ['figures for everybody', { MetricsPort: ['9035'] }],
    ['a single hop to its onions', { HiddenServiceSingleHopMode: ['1'], HiddenServiceNonAnonymousMode: ['1'] }],
    ['no guards', { UseEntryGuards: ['0'] }],
    ['no second layer of guards', { VanguardsLiteEnabled: ['0'] }],
    ['addresses in its log', { SafeLogging: ['0'] }],
    ['addresses of clients in its log', { SafeLogging: ['relay'] }],
  ])('a Tor with %s is refused', async (_what, changed) => {
    await using tor = await setTo(changed);
    await expect(openOnionControl(tor.address)).rejects.toThrow(failsWith('tor-unprotected'));
    expect(tor.commands.filter((command) => !command.startsWith('GET'))).toEqual([]);
  });

  test.each<[string, Parameters<typeof settingsReply>[0]]>([
    ['as it ships', {}],
    ['without SOCKS', { SocksPort: ['0'] }],
    ['with guards as the network advises', { VanguardsLiteEnabled: ['auto'] }],
    ['with a port that is turned off', { ControlPort: ['0'] }],
  ])('a Tor %s is accepted', async (_what, changed) => {
    await using tor = await setTo(changed);
    const onions = await openOnionControl(tor.address);
    onions.close();
  });

  test.each([
    ['leaves a setting out', settingsReply().replace('250-ControlPort\r\n', '')],
    ['tells another one', settingsReply().replace('250-ControlPort\r\n', '250-ControlPortWriteToFile=/x\r\n')],
    ['does not know a setting', '552 Unrecognized configuration key "MetricsPort"\r\n'],
  ])('a Tor that %s is refused', async (_what, reply) => {
    await using tor = await ScriptedTor.start({
      answer: (command) => (command.startsWith('GETCONF SocksPort') ? reply : undefined),
    });
    await expect(openOnionControl(tor.address)).rejects.toThrow(/Tor/);
  });

  test.each([
    ['0.4.9.10', 'tor-too-old'],
    ['0.4.8.99', 'tor-too-old'],
    ['0.3.9.99', 'tor-too-old'],
    ['nonsense', 'control-unexpected'],
  ])('the version %s is refused', async (version, code) => {
    await using tor = await ScriptedTor.start({
      answer: (command) => (command === 'GETINFO version' ? `250-version=${version}\r\n250 OK\r\n` : undefined),
    });
    await expect(openOnionControl(tor.address)).rejects.toThrow(failsWith(code));
  });

  test.each([
    ['0.4.9.11', '0.4.9.11'],
    ['0.4.9.15', '0.4.9.15'],
    ['0.4.10.1-alpha-dev (git-0123)', '0.4.10.1'],
    ['0.5.0.1', '0.5.0.1'],
  ])('the version %s is accepted', async (version, shown) => {
    await using tor = await ScriptedTor.start({
      answer: (command) => (command === 'GETINFO version' ? `250-version=${version}\r\n250 OK\r\n` : undefined),
    });
    const onions = await openOnionControl(tor.address);
    expect(onions.version).toBe(shown);
    onions.close();
  });

  test.each([
    ['0', 'public'],
    ['1', 'private-test'],
  ])('the host learns the kind of network from TestingTorNetwork %s', async (value, network) => {
    await using tor = await ScriptedTor.start({
      answer: (command) => (command === 'GETCONF TestingTorNetwork' ? `250 TestingTorNetwork=${value}\r\n` : undefined),
    });
    const onions = await openOnionControl(tor.address);
    expect(onions.network).toBe(network);
    onions.close();
  });

  test('the host gets each stage, and a stall after its time', async () => {
    await using tor = await ScriptedTor.start();
    const clock = new FakeClock();
    const states: string[] = [];
    const onions = await openOnionControl({ ...tor.address, clock, onStage: (stage) => states.push(stage.state) });
    clock.tick(60_000);
    expect(onions.stage).toMatchObject({ state: 'stalled', cause: 'unknown' });
    const done = new Promise((resolve) => void onions.closed.then(resolve));
    tor.emit('STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"');
    await tor.down();
    await done;
    expect(states).toEqual(['starting', 'progressing', 'stalled', 'done']);
    expect(clock.waiting).toEqual([]);
  });
});
