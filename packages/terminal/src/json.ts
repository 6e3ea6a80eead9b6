// The screen of programs: one JSON object a line, both ways. A contract: DESIGN §7, README.

import { TERMINAL_CODES } from './errors.ts';
import type { TerminalCode } from './errors.ts';
import type { Command, FrontEnd, Here, ShownEvent } from './front-end.ts';
import { FINGERPRINT_DIGITS, REF_CHARS_MAX } from './limits.ts';
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
    this.#screen.print(safeJson(errorObject(command.code, TERMINAL_CODES[command.code])));
    return undefined;
  }

  isPanic(line: InputLine): boolean {
    const command = line.ok ? readCommand(line.text) : line;
    return command.ok && command.value.type === 'panic';
  }
}

/** The line for a failure before there is a conversation. `about` are further fields. */
export function errorObject(code: string, message: string, about: JsonObject = {}): JsonObject {
  return { type: 'error', code, message, ...about };
}

/** The line for what is waited for before there is a conversation. */
export function waitingObject(detail: string): JsonObject {
  return { type: 'state', state: 'bootstrapping', detail };
}

function describe(event: ShownEvent, here: Here): readonly JsonObject[] {
  switch (event.type) {
    case 'state':
      return [{ ...event, ...(here.network === undefined ? {} : { network: here.network }) }];
    case 'arrived':
    case 'left':
      return [{ type: 'member', change: event.type, member: event.member }];
    case 'removed':
      return [{ type: 'member', change: 'removed', reason: event.reason, member: event.member }];
    case 'sent':
      return [{ type: 'sent', ...withRef(event.ref), id: event.id }];
    case 'error':
      return [errorObject(event.code, event.message, withRef(event.ref))];
    case 'member-refused':
      return [errorObject(event.code, TERMINAL_CODES[event.code], { member: event.member })];
    case 'unsent':
      return event.refs.map((ref) => errorObject('not-sent', TERMINAL_CODES['not-sent'], withRef(ref)));
    case 'listing':
      return [{ type: 'members', members: event.members }];
    case 'knock':
      return [{ type: 'knock', member: event.member }];
    case 'warning': {
      const { type, code, message, from } = event;
      return [{ type, code, message, ...(from === undefined ? {} : { from }) }];
    }
    case 'message':
    case 'delivered':
    case 'members':
    case 'gap':
    case 'epoch':
    case 'access':
    case 'moved':
    case 'deferred':
    case 'moderated':
    case 'safety-number':
    case 'verified':
    case 'code':
    case 'cover':
    case 'circuit':
    case 'status':
      return [{ ...event }];
    case 'pace':
      return [{ type: 'pace', ...withRef(event.ref), seconds: event.seconds }];
    case 'queued':
    case 'asked':
      return [];
  }
}

function withRef(ref: string | undefined): JsonObject {
  return ref === undefined ? {} : { ref };
}

type ReadCommand = { readonly ok: true; readonly value: Command } | { readonly ok: false; readonly code: TerminalCode };

const MALFORMED: ReadCommand = { ok: false, code: 'input-malformed' };
const FINGERPRINT = new RegExp(`^[0-9a-f]{${FINGERPRINT_DIGITS}}$`);

/** Exactly the fields of its command, each of its type. */
function readCommand(text: string): ReadCommand {
  const object = parseObject(text);
  const fields = Object.keys(object).length;
  switch (object['cmd']) {
    case 'send':
      return readSend(object, fields);
    case 'members':
    case 'code':
    case 'status':
    case 'circuit':
      return fields === 1 ? accept({ type: object['cmd'] }) : MALFORMED;
    case 'quit':
      return fields === 1 ? accept({ type: 'leave' }) : MALFORMED;
    case 'panic':
      return fields === 1 ? accept({ type: 'panic' }) : MALFORMED;
    case 'verify':
    case 'verified':
    case 'admit':
    case 'evict': {
      const { cmd: type, member } = object;
      const isOne = typeof member === 'string' && FINGERPRINT.test(member) && fields === 2;
      return isOne ? accept({ type, member }) : MALFORMED;
    }
    case 'access': {
      const { mode } = object;
      const isMode = mode === 'open' || mode === 'knock' || mode === 'locked';
      return isMode && fields === 2 ? accept({ type: 'access', mode }) : MALFORMED;
    }
    default:
      return MALFORMED;
  }
}

function readSend({ text, ref }: JsonObject, fields: number): ReadCommand {
  if (typeof text !== 'string') return MALFORMED;
  if (ref === undefined && fields === 2) return accept({ type: 'say', text, ref });
  const isRef = typeof ref === 'string' && ref.length <= REF_CHARS_MAX && fields === 3;
  return isRef ? accept({ type: 'say', text, ref }) : MALFORMED;
}

function accept(value: Command): ReadCommand {
  return { ok: true, value };
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
