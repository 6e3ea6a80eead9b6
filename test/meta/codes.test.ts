// Every refusal and failure has a code in one documented table, docs/CODES.md. SOTTO_WRITE_CODES=1 writes it anew.

import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLIENT_CODES, WARNING_CODES } from '../../packages/client/src/errors.ts';
import { CONFINEMENT_CODES, PROTECTIONS } from '../../packages/confinement/src/errors.ts';
import { DOCTOR_CODES } from '../../packages/doctor/src/errors.ts';
import { REQUIREMENT_TEXTS } from '../../packages/doctor/src/requirements.ts';
import { GROUP_CODES } from '../../packages/crypto/src/errors.ts';
import { HOST_CODES, MODERATOR_CODES } from '../../packages/host/src/errors.ts';
import {
  ADMIN_CODES,
  CONTENT_CODES,
  FRAME_CODES,
  INVITE_CODES,
  RELAY_CODES,
} from '../../packages/protocol/src/errors.ts';
import { ENGLISH } from '../../packages/messages/src/index.ts';
import { RELAY_ERRORS } from '../../packages/relay/src/errors.ts';
import { TERMINAL_CODES } from '../../packages/terminal/src/errors.ts';
import { TOR_ERROR_CODES } from '../../packages/tor/src/errors.ts';

const CATALOGUE: ReadonlyMap<string, string> = new Map(Object.entries(ENGLISH));

/** What a relay's reason makes a client do is said in PROTOCOL.md §9.1. */
const relayReasons = Object.fromEntries(Object.keys(RELAY_CODES).map((code) => [code, 'PROTOCOL.md §9.1']));

const TABLES: readonly (readonly [speaker: string, codes: Readonly<Record<string, string>>])[] = [
  ['relay to client', relayReasons],
  ['reader of a frame', FRAME_CODES],
  ['reader of an envelope', CONTENT_CODES],
  ['reader of a connection string', texts('error.invite', INVITE_CODES)],
  ['relay to host', ADMIN_CODES],
  ['group keys', GROUP_CODES],
  ['client', texts('error.client', CLIENT_CODES)],
  ['client, as a warning', texts('warning', WARNING_CODES)],
  ['client program', texts('error.terminal', TERMINAL_CODES)],
  ['host', texts('error.host', HOST_CODES)],
  ['host to its own client', texts('error.moderator', MODERATOR_CODES)],
  ['relay', texts('error.relay', RELAY_ERRORS)],
  ['tor, gate and dialling', texts('error.tor', TOR_ERROR_CODES)],
  ['relay, host, gate and client program, before they begin', texts('error.confinement', CONFINEMENT_CODES)],
  ['the same, of a protection', PROTECTIONS],
  ['doctor', DOCTOR_CODES],
  ['doctor, of a requirement', REQUIREMENT_TEXTS],
];

const INTRODUCTION = `# Codes

Every refusal and every failure has a stable code. This table is held to the code by a test (\`test/meta/codes.test.ts\`).
The meanings of what users see are the texts of the catalogue (\`packages/messages\`).
One word may stand in two places where it means the same thing on two sides.

| Said by | code | meaning |
|---|---|---|
`;

/** The catalogue's text of each code. */
function texts(place: string, codes: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(codes.map((code) => [code, CATALOGUE.get(`${place}.${code}`) ?? 'no text']));
}

function render(): string {
  const rows = TABLES.flatMap(([speaker, codes]) =>
    Object.entries(codes).map(([code, meaning]) => `| ${speaker} | ${code} | ${meaning} |\n`),
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

test('every code that users see has a text in the catalogue, and no text is left without its code', () => {
  const used = new Set(TABLES.flatMap(([, table]) => Object.values(table)));
  expect(used).not.toContain('no text');
  const coded = Object.entries(ENGLISH).filter(([id]) => /^(error|warning)\./.test(id));
  expect(coded.length).toBeGreaterThan(100);
  expect(coded.filter(([, text]) => !used.has(text))).toEqual([]);
});
