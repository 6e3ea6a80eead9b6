// The screen of programs: one JSON object a line, both ways. A contract: DESIGN §7, README.

import { message } from '@sotto/messages';
import { nearest } from '@sotto/confinement/usage';
import { coverOfName } from '@sotto/protocol';
import type { Command, FrontEnd, ViewContext, ShownEvent } from './front-end.ts';
import { FIELD_CHARS_SHOWN_MAX, FINGERPRINT_DIGITS, REF_CHARS_MAX } from './limits.ts';
import type { InputLine } from './line-splitter.ts';
import { safeJson } from './safe-text.ts';
import type { Screen } from './screen.ts';

type JsonObject = Readonly<Record<string, unknown>>;

export class JsonFrontEnd implements FrontEnd {
  readonly #screen: Screen;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  notify(event: ShownEvent, here: ViewContext): void {
    for (const object of describe(event, here)) this.#screen.print(safeJson(object));
  }

  read(line: InputLine): Command | undefined {
    const command = line.ok ? readCommand(line.text) : line;
    if (command.ok) return command.value;
    const { code, problem, ref } = { problem: undefined, ref: undefined, ...command };
    const refused = message(`error.terminal.${code}`);
    const text = problem === undefined ? refused : message('json.refused', { refusal: refused, problem });
    this.#screen.print(safeJson(errorObject(code, text, withRef(ref))));
    return undefined;
  }

  isPanic(line: InputLine): boolean {
    const command = line.ok ? readCommand(line.text) : line;
    return command.ok && command.value.type === 'panic';
  }
}

/** The line for a failure before the conversation. `about` are further fields. */
export function errorObject(code: string, message: string, about: JsonObject = {}): JsonObject {
  return { type: 'error', code, message, ...about };
}

/** The line for a wait before the conversation. */
export function waitingObject(detail: string): JsonObject {
  return { type: 'state', state: 'bootstrapping', detail };
}

function describe(event: ShownEvent, here: ViewContext): readonly JsonObject[] {
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
      return [errorObject(event.code, message(`error.terminal.${event.code}`), { member: event.member })];
    case 'unsent':
      return event.refs.map((ref) => errorObject('not-sent', message('error.terminal.not-sent'), withRef(ref)));
    case 'listing':
      return [{ type: 'members', members: event.members }];
    case 'knock':
      return [{ type: 'knock', member: event.member }];
    case 'warning': {
      const { type, code, from } = event;
      return [{ type, code, message: event.message, ...(from === undefined ? {} : { from }) }];
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

interface Malformed {
  readonly ok: false;
  readonly code: 'input-malformed';
  /** Names the wrong field in the program's own words, and repeats no input. */
  readonly problem: string;
  /** The program's own reference, if the line has one. */
  readonly ref: string | undefined;
}
type ReadCommand = { readonly ok: true; readonly value: Command } | Malformed;

const FINGERPRINT = new RegExp(`^[0-9a-f]{${FINGERPRINT_DIGITS}}$`);
/** A name of a field that can be repeated; any other is not shown. */
const FIELD_NAME = new RegExp(`^[A-Za-z_]{1,${FIELD_CHARS_SHOWN_MAX}}$`);

/** The commands, and the fields of each beside `cmd`. */
const FIELDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['send', ['text', 'ref']],
  ['members', []],
  ['code', []],
  ['status', []],
  ['circuit', []],
  ['quit', []],
  ['panic', []],
  ['verify', ['member']],
  ['verified', ['member']],
  ['admit', ['member']],
  ['evict', ['member']],
  ['access', ['mode']],
  ['move', ['cover']],
]);

/** Exactly the fields of its command, each of its type. */
function readCommand(text: string): ReadCommand {
  const object = parseObject(text);
  if (object === undefined) return malformed({}, message('json.no-object'));
  const { cmd } = object;
  if (typeof cmd !== 'string') return malformed(object, message('json.command-missing'));
  const fields = FIELDS.get(cmd);
  if (fields === undefined) return malformed(object, describeUnknownCommand(cmd));
  const unknown = Object.keys(object).find((field) => field !== 'cmd' && !fields.includes(field));
  return unknown === undefined ? readFields(cmd, object) : malformed(object, describeUnknownField(cmd, unknown));
}

function readFields(cmd: string, object: JsonObject): ReadCommand {
  const { text, ref, member, mode, cover } = object;
  switch (cmd) {
    case 'send':
      if (typeof text !== 'string') return malformed(object, message('json.text-missing'));
      if (!isRef(ref)) return malformed(object, message('json.ref-wrong', { limit: REF_CHARS_MAX }));
      return accept({ type: 'send', text, ref });
    case 'members':
    case 'code':
    case 'status':
    case 'circuit':
    case 'panic':
      return accept({ type: cmd });
    case 'verify':
    case 'verified':
    case 'admit':
    case 'evict': {
      const isOne = typeof member === 'string' && FINGERPRINT.test(member);
      return isOne
        ? accept({ type: cmd, member })
        : malformed(object, message('json.member-wrong', { digits: FINGERPRINT_DIGITS }));
    }
    case 'access': {
      const isMode = mode === 'open' || mode === 'knock' || mode === 'locked';
      return isMode ? accept({ type: 'access', mode }) : malformed(object, message('json.mode-wrong'));
    }
    case 'move': {
      if (cover === undefined) return accept({ type: 'move', cover });
      const known = coverOfName(cover);
      return known === undefined
        ? malformed(object, message('json.cover-wrong'))
        : accept({ type: 'move', cover: known });
    }
    default:
      return accept({ type: 'leave' });
  }
}

/**
 * A reference is returned with every refusal, so that the program knows which of its lines was
 * refused.
 */
function malformed({ ref }: JsonObject, problem: string): Malformed {
  return { ok: false, code: 'input-malformed', problem, ref: isRef(ref) ? ref : undefined };
}

function isRef(ref: unknown): ref is string | undefined {
  return ref === undefined || (typeof ref === 'string' && ref.length <= REF_CHARS_MAX);
}

function describeUnknownCommand(cmd: string): string {
  const meant = nearest(cmd, [...FIELDS.keys()]);
  return meant === undefined ? message('json.command-unknown') : message('json.command-unknown-meant', { meant });
}

function describeUnknownField(command: string, field: string): string {
  return FIELD_NAME.test(field)
    ? message('json.field-unknown', { command, field })
    : message('json.field-unknown-unnamed', { command });
}

function accept(value: Command): ReadCommand {
  return { ok: true, value };
}

/** @returns undefined if the line is no JSON, or no object */
function parseObject(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as JsonObject) : undefined;
  } catch {
    // For the reader this is the same as a line without an object.
    return undefined;
  }
}
