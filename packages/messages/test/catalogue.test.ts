// The catalogue: every text fills in exactly what its call names, and the whole catalogue can be
// replaced.

import { afterEach, expect, test } from 'vitest';
import { ENGLISH, message, setCatalogue } from '../src/index.ts';
import type { Catalogue } from '../src/index.ts';

afterEach(() => setCatalogue(ENGLISH));

test('a text without parameters comes as it is written', () => {
  expect(message('host.room-ended')).toBe('room: ended');
});

test('each place of a text gets the parameter of its name, wherever it stands', () => {
  expect(message('usage.see-help', { program: 'relay', problem: 'no' })).toBe('no. See: relay --help');
});

test('a parameter that looks like a place is not filled in again', () => {
  expect(message('usage.see-help', { program: '{problem}', problem: '{program} $& $1' })).toBe(
    '{program} $& $1. See: {problem} --help',
  );
});

test('a zero is a parameter like any other', () => {
  expect(message('host.stage-progressing', { tor: 'tor', percent: 0, summary: 'starting' })).toBe('tor: 0 % starting');
});

test('setCatalogue replaces every text for the process', () => {
  const shouted = Object.fromEntries(Object.entries(ENGLISH).map(([id, text]) => [id, `<${text}>`])) as Catalogue;
  setCatalogue(shouted);
  expect(message('usage.see-help', { program: 'relay', problem: 'no' })).toBe('<no. See: relay --help>');
});

test('every text has words, every brace belongs to a place, and every id is a place and a subject', () => {
  for (const [id, text] of Object.entries(ENGLISH)) {
    expect(id).toMatch(/^[a-z]+(\.[a-z_-]+){1,2}$/);
    expect(text.trim(), id).not.toBe('');
    expect(text.replaceAll(/\{[a-z][A-Za-z]*\}/g, ''), id).not.toMatch(/[{}]/);
  }
});
