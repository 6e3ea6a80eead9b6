// The screen of programs: one JSON object a line, both ways. A contract: DESIGN §7, README.

import { TERMINAL_CODES } from './errors.ts';
import type { TerminalCode } from './errors.ts';
import type { Command, FrontEnd, Here, ShownEvent } from './front-end.ts';
import { REF_CHARS_MAX } from './limits.ts';
import type { InputLine } from './line-splitter.ts';
import { safeJson } from './safe-text.ts';
import type { Screen } from './screen.ts';

type JsonObject = Readonly<Record<string, unknown>>;

export class JsonFrontEnd implements FrontEnd {
  readonly #screen: Screen;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  tell(event: ShownEvent, here: Here): void {
    for (const object of describe(event, here)) this.#screen.print(safeJson(object));
  }

  read(line: InputLine): Command | undefined {
    const command = line.ok ? readCommand(line.text) : line;
    if (command.ok) return command.value;
    this.#screen.print(safeJson(errorObject(command.code, TERMINAL_CODES[command.code], undefined)));
    return undefined;
  }
}

/** The line for a failure before there is a conversation. */
export function errorObject(code: string, message: string, ref: string | undefined): JsonObject {
  return { type: 'error', code, message, ...(ref === undefined ? {} : { ref }) };
}

function describe(event: ShownEvent, here: Here): readonly JsonObject[] {
  switch (event.type) {
    case 'state':
      return [{ ...event, ...(here.network === undefined ? {} : { network: here.network }) }];
    case 'arrived':
    case 'left':
      return [{ type: 'member', change: event.type, member: event.member }];
    case 'sent':
      return [{ type: 'sent', ...(event.ref === undefined ? {} : { ref: event.ref }), id: event.id }];
    case 'error':
      return [errorObject(event.code, event.message, event.ref)];
    case 'unsent':
      return event.refs.map((ref) => errorObject('not-sent', TERMINAL_CODES['not-sent'], ref));
    case 'listing':
      return [{ type: 'members', members: event.members }];
    case 'message':
    case 'delivered':
    case 'members':
    case 'gap':
      return [{ ...event }];
    case 'queued':
      return [];
  }
}

function readCommand(
  text: string,
): { readonly ok: true; readonly value: Command } | { readonly ok: false; readonly code: TerminalCode } {
  const object = parseObject(text);
  const fields = Object.keys(object).length;
  const { cmd, text: said, ref } = object;
  if (cmd === 'members' && fields === 1) return { ok: true, value: { type: 'members' } };
  if (cmd === 'quit' && fields === 1) return { ok: true, value: { type: 'leave' } };
  if (cmd === 'send' && typeof said === 'string') {
    if (ref === undefined && fields === 2) return { ok: true, value: { type: 'say', text: said, ref } };
    if (typeof ref === 'string' && ref.length <= REF_CHARS_MAX && fields === 3) {
      return { ok: true, value: { type: 'say', text: said, ref } };
    }
  }
  return { ok: false, code: 'input-malformed' };
}

function parseObject(text: string): JsonObject {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as JsonObject) : {};
  } catch {
    // Not JSON: for the reader the same as an object without a command.
    return {};
  }
}
