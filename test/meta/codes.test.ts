// Every refusal and failure has a code in one documented table, docs/CODES.md. SOTTO_WRITE_CODES=1 writes it anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLIENT_CODES, WARNING_CODES } from '../../packages/client/src/errors.ts';
import { CONFINEMENT_CODES, PROTECTIONS } from '../../packages/confinement/src/errors.ts';
import { DOCTOR_CODES } from '../../packages/doctor/src/errors.ts';
import { PROMISE_WORDS } from '../../packages/doctor/src/requirements.ts';
import { GROUP_CODES } from '../../packages/crypto/src/errors.ts';
import { HOST_CODES, MODERATOR_CODES } from '../../packages/host/src/errors.ts';
import {
  ADMIN_CODES,
  CONTENT_CODES,
  FRAME_CODES,
  INVITE_CODES,
  RELAY_CODES,
} from '../../packages/protocol/src/errors.ts';
import { RELAY_ERRORS } from '../../packages/relay/src/errors.ts';
import { TERMINAL_CODES } from '../../packages/terminal/src/errors.ts';
import { TOR_ERROR_MEANINGS } from '../../packages/tor/src/errors.ts';

/** What a relay's reason makes a client do is said in PROTOCOL.md §9.1. */
const relayReasons = Object.fromEntries(Object.keys(RELAY_CODES).map((code) => [code, 'PROTOCOL.md §9.1']));

const TABLES: readonly (readonly [who: string, codes: Readonly<Record<string, string>>])[] = [
  ['relay to client', relayReasons],
  ['whoever reads a frame', FRAME_CODES],
  ['whoever opens an envelope', CONTENT_CODES],
  ['who is given a connection string', INVITE_CODES],
  ['relay to host', ADMIN_CODES],
  ['group keys', GROUP_CODES],
  ['client', CLIENT_CODES],
  ['client, as a warning', WARNING_CODES],
  ['the client program', TERMINAL_CODES],
  ['host', HOST_CODES],
  ['host to its own client', MODERATOR_CODES],
  ['relay', RELAY_ERRORS],
  ['tor, gate and dialling', TOR_ERROR_MEANINGS],
  ['relay, host, gate and the client program, before they begin', CONFINEMENT_CODES],
  ['the same, of a protection', PROTECTIONS],
  ['the doctor', DOCTOR_CODES],
  ['the doctor, of a promise', PROMISE_WORDS],
];

const INTRODUCTION = `# Codes

Every refusal and every failure has a stable code. This table is held to the code by a test (\`test/meta/codes.test.ts\`).
One word may stand in two places where it means the same thing on two sides.

| who says it | code | meaning |
|---|---|---|
`;

function render(): string {
  const rows = TABLES.flatMap(([who, codes]) =>
    Object.entries(codes).map(([code, meaning]) => `| ${who} | ${code} | ${meaning} |\n`),
  );
  return INTRODUCTION + rows.join('');
}

test('docs/CODES.md has every code of every package, and no other', () => {
  const expected = render();
  if (process.env['SOTTO_WRITE_CODES'] === '1') writeFileSync('docs/CODES.md', expected);
  expect(readFileSync('docs/CODES.md', 'utf8')).toBe(expected);
});

test('codes are words in lower case with hyphens', () => {
  const codes = TABLES.flatMap(([, table]) => Object.keys(table));
  expect(codes.length).toBeGreaterThan(100);
  expect(codes.filter((code) => !/^[a-z]+(-[a-z]+)*$/.test(code))).toEqual([]);
});
