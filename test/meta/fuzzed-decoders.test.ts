// Whatever reads bytes of a peer is fuzzed: a new reader has a line here, or this fails.

import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const PACKAGES = ['protocol', 'crypto', 'client', 'relay', 'tor', 'terminal', 'host', 'json-socket'] as const;
/** Exported names of readers, and of splitters of streams. */
const READER =
  /^export (?:async )?function ((?:decode|parse|read|find)[A-Z]\w*)|^export class (\w+(?:Splitter|Parser|Reader))\b/gm;

const PROTOCOL = 'packages/protocol/test/foreign-bytes.test.ts';
const GROUP = 'packages/crypto/test/group-foreign-bytes.test.ts';
const TOR = 'packages/tor/test/foreign-bytes.test.ts';
const STORE = 'packages/relay/test/foreign-replies.test.ts';
const JSON_SOCKET = 'packages/json-socket/test/foreign-bytes.test.ts';
const TERMINAL = 'packages/terminal/test/foreign-bytes.test.ts';

/** Reader -> the test that gives it `SOTTO_FUZZ_CASES` cases. */
const FUZZED: Readonly<Record<string, string>> = {
  'protocol decodeFrame': PROTOCOL,
  'protocol FrameSplitter': PROTOCOL,
  'protocol decodeChallenge': PROTOCOL,
  'protocol decodeAttach': PROTOCOL,
  'protocol decodeAttached': PROTOCOL,
  'protocol decodeRefused': PROTOCOL,
  'protocol decodeStage': PROTOCOL,
  'protocol decodeCommit': PROTOCOL,
  'protocol decodeCommittedBody': PROTOCOL,
  'protocol decodeFetch': PROTOCOL,
  'protocol decodeSnapshot': PROTOCOL,
  'protocol decodeContent': PROTOCOL,
  'protocol decodeMove': PROTOCOL,
  'protocol decodeSignedOrder': PROTOCOL,
  'protocol decodeGroupPlaintext': PROTOCOL,
  'protocol decodeSnapshotPlaintext': PROTOCOL,
  'protocol decodeInvite': PROTOCOL,
  'protocol decodeAdminRequest': PROTOCOL,
  'protocol decodeAdminReply': PROTOCOL,
  'crypto decodeCommit': GROUP,
  'crypto decodeKeyPackage': GROUP,
  'crypto decodeWelcome': GROUP,
  'crypto decodeGroupInfo': GROUP,
  'crypto decodeTree': GROUP,
  'crypto decodeSnapshot': GROUP,
  'crypto decodeMessageBytes': GROUP,
  'crypto readKeyPackage': GROUP,
  'relay decodeReply': STORE,
  'relay decodeWord': STORE,
  'relay decodeAppended': STORE,
  'relay decodeRead': STORE,
  'relay decodeTouched': STORE,
  'relay decodeLoaded': STORE,
  'tor ReplyParser': TOR,
  'tor SocksReplyReader': TOR,
  'tor decodeGateRequest': TOR,
  'tor decodeGateMessage': TOR,
  'tor decodeStage': TOR,
  'tor decodeIdentity': TOR,
  'tor decodeFetch': TOR,
  'tor decodePath': TOR,
  'tor decodeOnionAddress': TOR,
  'tor parseKeywordLine': TOR,
  'tor readBootstrapEvent': TOR,
  'tor readBootstrapPhase': TOR,
  'tor readDescriptorEvent': TOR,
  'tor readFirstGuard': TOR,
  'tor readTorVersion': TOR,
  'terminal LineSplitter': TERMINAL,
  'terminal findInvite': TERMINAL,
  'terminal readTyped': TERMINAL,
  'json-socket LineSplitter': JSON_SOCKET,
  'json-socket parseJsonObject': JSON_SOCKET,
  'host decodeModeratorRequest': 'packages/host/test/foreign-bytes.test.ts',
};

/** Reader -> why it needs no cases of its own. */
const READ_BY_OTHERS: Readonly<Record<string, string>> = {
  'protocol ByteReader': 'a cursor that all decoders of the package read with',
  'protocol readSignedOrder': 'a part of decodeSignedOrder and decodeGroupPlaintext',
  'protocol readAccess': 'a part of decodeSnapshotPlaintext',
  'client decodeText': 'one call of TextDecoder',
  'client LogReader': 'takes frames that are decoded, and bodies that openEnvelope authenticates',
  'crypto readLeaf': 'a part of readKeyPackage and of readTree',
  'crypto readTree': 'what decodeSnapshot has decoded; the entry points of the group are fuzzed',
  'tor readSocksHead': 'all of SocksReplyReader',
  'host readAccessMode': 'a part of decodeModeratorRequest',
  'relay parseConfig': 'the environment of one’s own machine',
  'relay findBadPlace': 'judges paths that the operator gave and that have been read',
  'tor readGateEnvironment': 'the environment of one’s own machine',
  'terminal readEndpoints': 'the environment of one’s own machine',
  'terminal readInvite': 'where the string is from; findInvite reads it',
  'terminal readOptions': 'the arguments of one’s own machine',
  'host readHostConfig': 'the environment of one’s own machine',
  'host readInviteSocket': 'the environment of one’s own machine',
};

function readersOf(name: string): string[] {
  const folder = new URL(`../../packages/${name}/src/`, import.meta.url);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(new URL(file, folder), 'utf8').matchAll(READER)])
    .map(([, reader, splitter]) => `${name} ${reader ?? splitter ?? ''}`);
}

test('every reader of the product is fuzzed, directly or through its decoder', () => {
  const known = [...Object.keys(FUZZED), ...Object.keys(READ_BY_OTHERS)];
  expect([...new Set(PACKAGES.flatMap(readersOf))].sort()).toEqual(known.sort());
});

test.each(Object.entries(FUZZED))('%s has its fuzz cases in %s', (reader, file) => {
  const [, name = ''] = reader.split(' ');
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  // Once where it is imported, and once where it is used.
  expect(text.split(new RegExp(`\\b${name}\\b`)).length - 1).toBeGreaterThanOrEqual(2);
  expect(text).toContain('await fuzz');
});
