// Every slice of a session has one owner: no other module makes new values of it.

import { describe, expect, test } from 'vitest';
import { foreignWrites, ownershipOf } from './state-owners.ts';

const SESSION = 'packages/client/src/session';

/** What a module of the session might do to a slice that is not its own, as a function's body. */
const FOREIGN: readonly (readonly [string, string])[] = [
  ['spreads a slice', 'return { ...session, connection: { ...session.connection, attempt: 0 } };'],
  [
    'takes a slice out and spreads it',
    'const { connection } = session; const next = { ...connection, attempt: 0 }; return { ...session, connection: next };',
  ],
  [
    'makes a slice anew',
    "return { ...session, membership: { phase: 'outside', view: undefined, epochAt: 0, awaited: [], unanswered: 0 } };",
  ],
  [
    'narrows a slice and spreads it',
    `const { membership } = session;
     if (membership.phase !== 'knocking') return session;
     return { ...session, membership: { ...membership, unanswered: 1 } };`,
  ],
  ['casts a value to a slice', "return { ...session, connection: JSON.parse('{}') as ConnectionState };"],
  ['assigns a field', 'session.connection.attempt = 0; return session;'],
];
const ALLOWED = `const { link } = session.connection;
  return link.phase === 'live' ? { ...session, connection: noteHeard(session.connection, 1) } : session;`;

const handlerPath = (index: number | 'allowed'): string => `${SESSION}/some-handler-${index}.ts`;

function handlerText(body: string): string {
  return `import { noteHeard } from './slices/connection.ts';
    import type { ConnectionState } from './slices/connection.ts';
    import type { Session } from './state.ts';
    export const uses: readonly [typeof noteHeard, ConnectionState | undefined] = [noteHeard, undefined];
    export function handle(session: Session): Session { ${body} }`;
}

// The compiler reads the client once: with the modules of the controls beside its own.
const ownership = ownershipOf(
  new Map([
    ...FOREIGN.map(([, body], index): [string, string] => [handlerPath(index), handlerText(body)]),
    [handlerPath('allowed'), handlerText(ALLOWED)],
  ]),
);
const foreign = foreignWrites(ownership);

describe('a slice of the session', () => {
  test('is written by the module that owns it, and by no other', () => {
    expect(foreign.filter(({ path }) => !path.includes('/some-handler-'))).toEqual([]);
    // The search finds the writes of every owner, so it would find those of other modules.
    for (const { name, owner } of ownership.slices)
      expect(ownership.writes.some(({ slice, path }) => slice === name && path === owner)).toBe(true);
    expect(ownership.writes.length).toBeGreaterThan(60);
  });

  test('has an owner of its own in slices/', () => {
    const owners = ownership.slices.map(({ owner }) => owner);
    expect(ownership.slices.map(({ name }) => name).sort()).toEqual(
      ['connection', 'log', 'membership', 'commits', 'rotation', 'outbox', 'inbox', 'cover', 'user'].sort(),
    );
    expect(new Set(owners).size).toBe(owners.length);
    for (const owner of owners) expect(owner.startsWith(`${SESSION}/slices/`)).toBe(true);
  });

  test.each(FOREIGN.map(([title], index): [string, number] => [title, index]))(
    'is found written when another module %s',
    (_, index) => {
      expect(foreign.filter(({ path }) => path === handlerPath(index))).not.toEqual([]);
    },
  );

  test('may be read by any module, passed to its owner, and put into a session', () => {
    expect(foreign.filter(({ path }) => path === handlerPath('allowed'))).toEqual([]);
  });
});
