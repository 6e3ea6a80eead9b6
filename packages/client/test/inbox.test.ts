import type { Content } from '@sotto/protocol';
import { SeededRandom } from '@sotto/fixtures';
import { describe, expect, test } from 'vitest';
import {
  dropSilent,
  EMPTY_INBOX,
  processContent,
  processRoster,
  processSequence,
} from '../src/session/slices/inbox.ts';
import type { Inbox, InboxEvent } from '../src/session/slices/inbox.ts';
import { MEMBER_SILENT_MS } from '../src/limits.ts';

const anna = new Uint8Array(32).fill(1);
const ben = new Uint8Array(32).fill(2);

function text(number: number, index = 0, count = 1, bytes: Uint8Array = Uint8Array.of(number)): Content {
  return { type: 'text', number, seen: 0, logHash: new Uint8Array(16), index, count, bytes };
}

function presence(number: number, status: 'arriving' | 'here' | 'leaving', name = 'Anna'): Content {
  const header = { type: 'presence', number, seen: 0, logHash: new Uint8Array(16) } as const;
  const content = { ...header, before: new Uint8Array(64), name } as const;
  return status === 'leaving' ? { ...content, status, signature: new Uint8Array(64) } : { ...content, status };
}

/** Both are in the group, and no other member is. */
const ROOM: Inbox = processRoster(EMPTY_INBOX, [anna, ben], 0).inbox;

/**
 * Processes contents of one member in order.
 * @returns the last inbox and the events, in short.
 */
function take(inbox: Inbox, memberKey: Uint8Array, contents: readonly Content[]): { inbox: Inbox; said: string[] } {
  const said: string[] = [];
  let next = inbox;
  for (const content of contents) {
    const taken = processContent(next, memberKey, content, 0);
    next = taken.inbox;
    said.push(...taken.events.filter((event) => event.type !== 'seen' && event.type !== 'asked').map(inShort));
  }
  return { inbox: next, said };
}

function inShort(event: InboxEvent): string {
  if (event.type === 'text') return `text ${event.bytes.join()}`;
  return event.type === 'gap' ? `gap ${event.count}` : event.type;
}

describe('the log', () => {
  test('is processed in the order of its numbers', () => {
    const first = processSequence(EMPTY_INBOX, 1);
    expect(first).toEqual({ inbox: { ...EMPTY_INBOX, seen: 1 }, events: [] });
  });

  test('shows a jump as a gap, and ignores replays', () => {
    const inbox: Inbox = { ...EMPTY_INBOX, seen: 5 };
    expect(processSequence(inbox, 9)?.events).toEqual([{ type: 'gap', count: 3 }]);
    expect(processSequence(inbox, 5)).toBeUndefined();
    expect(processSequence(inbox, 1)).toBeUndefined();
  });
});

describe("a member's numbers", () => {
  test('let a frame that comes twice count once, and the next one count', () => {
    expect(take(ROOM, anna, [text(1), text(1), text(2), text(1), text(2)]).said).toEqual(['text 1', 'text 2']);
  });

  test('are counted for each member alone', () => {
    const first = take(ROOM, anna, [text(1)]);
    expect(take(first.inbox, ben, [text(1)]).said).toEqual(['text 1']);
  });

  test('show a missing number as a gap, once', () => {
    expect(take(ROOM, anna, [text(1), text(4), text(5)]).said).toEqual(['text 1', 'gap 2', 'text 4', 'text 5']);
  });

  test('show no gap before the first frame that is heard', () => {
    expect(take(ROOM, anna, [text(9)]).said).toEqual(['text 9']);
  });

  test('show no second gap for a jump that a gap in the log explains', () => {
    const known = take(ROOM, anna, [text(1)]).inbox;
    const jumped = processSequence({ ...known, seen: 1 }, 3);
    expect(jumped?.events).toEqual([{ type: 'gap', count: 1 }]);
    expect(take(jumped?.inbox ?? known, anna, [text(3), text(5)]).said).toEqual(['text 3', 'gap 1', 'text 5']);
  });
});

describe('fragments', () => {
  const bytes = Uint8Array.of(7);

  test('make one text, whatever control frames come between two texts', () => {
    const said = take(ROOM, anna, [text(1, 0, 3, bytes), text(2, 1, 3, bytes), text(3, 2, 3, bytes)]).said;
    expect(said).toEqual(['text 7,7,7']);
  });

  test('are dropped with a gap if the middle of their text is missing', () => {
    const said = take(ROOM, anna, [text(1, 0, 3, bytes), text(3, 2, 3, bytes), text(4)]).said;
    expect(said).toEqual(['gap 1', 'text 4']);
  });

  test('are dropped without a gap if their text began before the join', () => {
    expect(take(ROOM, anna, [text(5, 1, 2, bytes), text(6)]).said).toEqual(['text 6']);
  });
});

describe('a present member', () => {
  test('arrives once, however often it sends its presence', () => {
    const { said } = take(ROOM, anna, [presence(1, 'here'), presence(2, 'here'), text(3), presence(4, 'here')]);
    expect(said).toEqual(['arrived', 'text 3']);
  });

  test('leaves once, and arrives again', () => {
    const contents = [presence(1, 'arriving'), presence(2, 'leaving'), presence(3, 'leaving'), presence(4, 'here')];
    expect(take(ROOM, anna, contents).said).toEqual(['arrived', 'left', 'arrived']);
  });

  test('leaves after a long silence, and arrives again with its next content', () => {
    for (const content of [
      text(2),
      presence(2, 'here'),
      { type: 'receipt', number: 2, seen: 0, logHash: new Uint8Array(16), before: new Uint8Array(64) } as const,
    ]) {
      const here = take(ROOM, anna, [presence(1, 'here')]).inbox;
      const dropped = dropSilent(here, MEMBER_SILENT_MS, MEMBER_SILENT_MS);
      expect(dropped.events.map(inShort)).toEqual(['left']);
      expect(dropSilent(dropped.inbox, MEMBER_SILENT_MS, 2 * MEMBER_SILENT_MS).events).toEqual([]);
      const again = take(dropped.inbox, anna, [content]).said;
      expect(again).toEqual(content.type === 'text' ? ['arrived', 'text 2'] : ['arrived']);
    }
  });

  test('is not dropped before the limit of its silence', () => {
    const here = take(ROOM, anna, [presence(1, 'here')]).inbox;
    expect(dropSilent(here, MEMBER_SILENT_MS, MEMBER_SILENT_MS - 1).events).toEqual([]);
  });
});

describe('a content', () => {
  test('is ignored if its sender is not in the group', () => {
    const stranger = new SeededRandom(1).bytes(32);
    expect(take(ROOM, stranger, [presence(1, 'here'), text(2)])).toEqual({ inbox: ROOM, said: [] });
  });

  test('is forgotten when its sender is removed, and the other members stay as they are', () => {
    const heard = take(take(ROOM, anna, [presence(1, 'here'), text(2)]).inbox, ben, [presence(1, 'here', 'Ben')]).inbox;
    const taken = processRoster(heard, [anna], 5);
    expect(taken.removed.map(({ name }) => name)).toEqual(['Ben']);
    expect([...taken.inbox.members.values()]).toEqual([[...heard.members.values()][0]]);
    expect(take(taken.inbox, ben, [text(2)]).said).toEqual([]);
  });

  test('does not change the first name that its sender has sent', () => {
    const renamed = take(ROOM, anna, [presence(1, 'here', 'Anna'), presence(2, 'here', 'Ben')]).inbox;
    expect([...renamed.members.values()].map(({ name }) => name)).toEqual(['Anna', '']);
  });

  test('in fragments is dropped when its sender leaves', () => {
    const said = [presence(1, 'here'), text(2, 0, 2), presence(3, 'leaving')];
    const member = [...take(ROOM, anna, said).inbox.members.values()][0];
    expect(member?.status).toBe('gone');
    expect(member?.partial).toEqual([]);
  });

  test('is no receipt for entries that are still to come', () => {
    const taken = processContent(
      { ...ROOM, seen: 5 },
      anna,
      { type: 'receipt', number: 1, seen: 99, logHash: new Uint8Array(16), before: new Uint8Array(64) },
      0,
    );
    expect([...taken.inbox.members.values()][0]?.seen).toBe(5);
  });
});
