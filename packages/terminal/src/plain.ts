// The screen of people in line mode: append-only lines, words instead of signs, and no way for one member to write another's line.

import type { Speaker, StateEvent } from '@sotto/client';
import { breakRows, columnsOf } from './columns.ts';
import { TERMINAL_CODES } from './errors.ts';
import type { Command, FrontEnd, Here, ShownEvent } from './front-end.ts';
import { Labels } from './labels.ts';
import { COLUMNS_MIN } from './limits.ts';
import type { InputLine } from './line-splitter.ts';
import { readTyped } from './plain-command.ts';
import { joinSafe, safeFingerprint, safeLine, safely, safeText } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';
import type { Screen } from './screen.ts';

/** What follows a line that somebody began; nobody's line begins so. */
const INDENT = safely`    `;
const NEWLINE = safely`\n`;
const COMMA = safely`, `;
const TEST_NETWORK = safely`PRIVATE TEST NETWORK: it protects nobody, say nothing here that matters`;
const HELP = [
  safely`what you type is sent to everybody in the room when you press Enter; each line is a message`,
  safely`/members or /who  who is here, with whole fingerprints`,
  safely`quit, exit, /quit, /exit, Ctrl-C or Ctrl-D  leave the room`,
  safely`//text  sends "/text"`,
];

export class PlainFrontEnd implements FrontEnd {
  readonly #screen: Screen;
  readonly #columns: () => number | undefined;
  readonly #labels = new Labels();
  #lastNotice = '';
  #link: 'first' | 'joined' | 'lost' = 'first';
  #waitingTold = false;
  #networkTold = false;

  /** `columns`: the width of the terminal now, or undefined where lines may have any length. */
  constructor(screen: Screen, columns: () => number | undefined) {
    this.#screen = screen;
    this.#columns = columns;
  }

  tell(event: ShownEvent, here: Here): void {
    this.#tellNetwork(here);
    switch (event.type) {
      case 'state':
        this.#tellState(event, here);
        return;
      case 'message':
        this.#say(event.from, event.text);
        return;
      case 'sent':
        this.#say(here.self, event.text);
        return;
      case 'queued':
        this.#tellQueued();
        return;
      case 'arrived':
        this.#note(safely`${this.#labels.of(event.member)} is here`);
        return;
      case 'left':
        this.#note(safely`${this.#labels.of(event.member)} has left`);
        return;
      case 'listing':
        this.#list(event.members);
        return;
      case 'gap':
        this.#tellGap(event.count, event.from);
        return;
      case 'unsent':
        this.#note(safely`${countMessages(event.refs.length)} not acknowledged by the relay: the others may miss it`);
        return;
      case 'error':
        this.#note(safely`${safeLine(event.message)} (${safeLine(event.code)})`);
        return;
      case 'members':
      case 'delivered':
        // Everybody who comes and goes has a line already; receipts would double the lines.
        return;
    }
  }

  read(line: InputLine): Command | undefined {
    if (!line.ok) {
      this.#note(safely`${safeLine(TERMINAL_CODES[line.code])}`);
      return undefined;
    }
    const typed = readTyped(line.text);
    switch (typed.type) {
      case 'command':
        return typed.command;
      case 'nothing':
        return undefined;
      case 'help':
        for (const help of HELP) this.#note(help);
        return undefined;
      case 'unknown':
        this.#note(
          safely`there is no such command: /help lists them; to send a text that begins with a slash, type two`,
        );
        return undefined;
    }
  }

  #tellNetwork(here: Here): void {
    if (this.#networkTold || here.network === undefined) return;
    this.#networkTold = true;
    if (here.network === 'private-test') this.#note(TEST_NETWORK);
  }

  #tellState(event: StateEvent, here: Here): void {
    switch (event.state) {
      case 'bootstrapping':
      case 'descriptor':
      case 'rendezvous':
      case 'joining':
        this.#noteOnce(describeStage(event));
        return;
      case 'joined':
        this.#tellJoined(here);
        return;
      case 'reconnecting':
        if (this.#link === 'joined') this.#link = 'lost';
        this.#noteOnce(safely`not connected: ${safeLine(event.detail ?? event.code ?? '')}`);
        return;
      case 'closed':
        this.#note(event.code === undefined ? safely`left the room` : safely`the end (${safeLine(event.code)})`);
        return;
    }
  }

  #tellJoined(here: Here): void {
    const network = here.network === 'private-test' ? safely` on a ${TEST_NETWORK}` : safely``;
    if (this.#link === 'first') {
      this.#note(safely`joined as ${this.#labels.of(here.self)}${network}`);
      this.#note(safely`type a message and press Enter; /help lists the commands`);
    } else {
      this.#note(safely`connected again${network}`);
    }
    this.#link = 'joined';
    this.#waitingTold = false;
  }

  #tellQueued(): void {
    if (this.#link === 'joined' || this.#waitingTold) return;
    this.#waitingTold = true;
    this.#note(safely`not connected yet: what you say is kept, and sent then`);
  }

  #tellGap(count: number, from: Speaker | undefined): void {
    const whose = from === undefined ? safely`` : safely` of ${this.#labels.of(from)}`;
    this.#note(safely`${countMessages(count, whose)} lost`);
  }

  #list(members: readonly (Speaker & { readonly self: boolean })[]): void {
    const described = members.map((member) => {
      const self = member.self ? safely`, you` : safely``;
      return safely`${this.#labels.of(member)} (${safeFingerprint(member.fingerprint)}${self})`;
    });
    this.#note(safely`${described.length} here: ${joinSafe(described, COMMA)}`);
  }

  /** A member's text: the first line behind its label, all others indented. */
  #say(from: Speaker, text: string): void {
    const label = this.#labels.of(from);
    this.#lastNotice = '';
    const rows = this.#fit(safeText(text), columnsOf(label) + 2);
    this.#screen.print(safely`${label}  ${joinSafe(rows, safely`${NEWLINE}${INDENT}`)}`);
  }

  /** A line of ours, in the gutter. */
  #note(notice: SafeText): void {
    this.#lastNotice = notice;
    this.#screen.print(safely`-- ${joinSafe(this.#fit(notice, 3), safely`${NEWLINE}   `)}`);
  }

  /** A stage that says nothing new is not shown again. */
  #noteOnce(notice: SafeText): void {
    if (notice !== this.#lastNotice) this.#note(notice);
  }

  /** Rows that no terminal wraps by itself: what it wrapped would begin in the first column, where only labels and notices do. */
  #fit(text: SafeText, prefixColumns: number): SafeText[] {
    const columns = this.#columns();
    const lines = text.split('\n') as SafeText[];
    if (columns === undefined) return lines;
    const width = Math.max(COLUMNS_MIN, columns - Math.max(prefixColumns, columnsOf(INDENT)) - 1);
    return lines.flatMap((line) => breakRows(line, width) as SafeText[]);
  }
}

function describeStage(event: StateEvent): SafeText {
  const detail = event.detail === undefined ? safely`` : safely`: ${safeLine(event.detail)}`;
  switch (event.state) {
    case 'bootstrapping':
      return safely`Tor ${event.percent ?? 0} %${detail}`;
    case 'descriptor':
      return safely`looking up the room's onion${detail}`;
    case 'rendezvous':
      return safely`found it; meeting it at a rendezvous point${detail}`;
    case 'joining':
      return safely`reached it; joining the room${detail}`;
    case 'joined':
    case 'reconnecting':
    case 'closed':
      return safely`${event.state as SafeText}${detail}`;
  }
}

/** The number is of frames, and a long message has several: it may be fewer messages, never more. */
function countMessages(count: number, whose: SafeText = safely``): SafeText {
  return count === 1 ? safely`1 message${whose} was` : safely`${count} messages${whose} were`;
}
