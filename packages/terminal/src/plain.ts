// The screen of line mode: append-only lines in words. No member can write another member's line.

import { message } from '@sotto/messages';
import type { Speaker, StateEvent } from '@sotto/client';
import type { AccessMode } from '@sotto/protocol';
import type { Command, FrontEnd, ViewContext, ShownEvent } from './front-end.ts';
import { Labels } from './labels.ts';
import { KNOWN_LABELS_MAX, WAITING_SHOWN_MAX } from './limits.ts';
import type { InputLine } from './line-splitter.ts';
import { layOutMessage, layOutNotice } from './message-rows.ts';
import { readTyped } from './plain-command.ts';
import { describeCircuit } from './circuit-wording.ts';
import { OWN_SIGN, safeLine, safely, safeMessage, safeText } from './safe-text.ts';
import type { SafeText } from './safe-text.ts';
import type { Screen } from './screen.ts';
import {
  askForMember,
  describeAccess,
  describeAsked,
  describeKnocker,
  describeCode,
  describeCover,
  describeGap,
  describeHelp,
  describeListing,
  describeNumber,
  describeRefusal,
  describeRemoval,
  describeStage,
  describeStatus,
  describeTooMuch,
  describeUnacknowledged,
  describeUnknown,
  describeWarning,
} from './wording.ts';

const JOINED_FORMS = {
  first: 'joined',
  joined: 'joined-after-loss',
  lost: 'joined-after-loss',
  moving: 'joined-after-move',
} as const;
/** Every notice of the program begins with one of these. */
const NOTICE = safely`${OWN_SIGN}--`;
const ALARM = safely`${OWN_SIGN}!!`;

export class PlainFrontEnd implements FrontEnd {
  readonly #screen: Screen;
  readonly #columns: () => number | undefined;
  readonly #labels = new Labels();
  readonly #label = (speaker: Speaker): SafeText => this.#labels.of(speaker);
  /** Members that said goodbye and were not yet removed: their leaving is shown once. */
  readonly #leftThemselves = new Set<string>();
  #lastNotice = '';
  #link: 'first' | 'joined' | 'lost' | 'moving' = 'first';
  #access: AccessMode = 'open';
  #hasShownWaiting = false;
  #hasShownNetwork = false;
  /** The last stranger whose knock was not shown. */
  #unshownKnocker: string | undefined;

  /** `columns`: the present width of the terminal; undefined if lines may have any length. */
  constructor(screen: Screen, columns: () => number | undefined) {
    this.#screen = screen;
    this.#columns = columns;
  }

  notify(event: ShownEvent, here: ViewContext): void {
    this.#showNetwork(here);
    switch (event.type) {
      case 'state':
        this.#showState(event, here);
        return;
      case 'message':
        this.#showText(event.from, event.text);
        return;
      case 'sent':
        this.#showText(here.self, event.text);
        return;
      case 'queued':
        this.#showQueued();
        return;
      case 'arrived':
        this.#leftThemselves.delete(event.member.fingerprint);
        this.#unshownKnocker = undefined;
        this.#note(safeMessage('screen.arrived', { member: this.#label(event.member) }));
        return;
      case 'left':
        this.#showLeft(event.member);
        return;
      case 'removed':
        this.#showRemoved(event, here);
        return;
      case 'listing':
        this.#noteAll(describeListing(event, this.#label));
        return;
      case 'safety-number':
        this.#noteAll(describeNumber(event.member, event.number, this.#label));
        return;
      case 'verified':
        this.#note(safeMessage('screen.verified', { member: this.#label(event.member) }));
        return;
      case 'code':
        this.#noteAll(describeCode(event));
        return;
      case 'status':
        this.#noteAll(describeStatus(event));
        return;
      case 'cover':
        this.#note(describeCover(event.mode, event));
        return;
      case 'circuit':
        this.#note(describeCircuit(event));
        return;
      case 'pace':
        this.#note(safeMessage('screen.pace', { seconds: event.seconds }));
        return;
      case 'asked':
        this.#note(describeAsked(event, this.#label));
        return;
      case 'member-refused':
        this.#noteAll(describeRefusal(event, this.#label));
        return;
      case 'knock':
        this.#showKnock(event);
        return;
      case 'access':
        this.#showAccess(event.mode);
        return;
      case 'moved':
        this.#link = 'moving';
        this.#note(safeMessage('screen.moved'));
        return;
      case 'deferred':
        this.#note(safeMessage('screen.deferred', { seconds: event.seconds }));
        return;
      case 'moderated':
        this.#note(safeMessage(`screen.moderated-${event.what}`));
        return;
      case 'warning':
        this.#showWarning(event, here);
        return;
      case 'gap':
        this.#showGap(event.count, event.from);
        return;
      case 'unsent':
        this.#note(describeUnacknowledged(event.refs.length));
        return;
      case 'error':
        this.#note(safeMessage('screen.error', { problem: safeLine(event.message), code: safeLine(event.code) }));
        return;
      case 'members':
      case 'delivered':
      case 'epoch':
        // Each member that comes or goes has a line already; receipts would double the lines.
        return;
    }
  }

  read(line: InputLine): Command | undefined {
    if (!line.ok) {
      this.#note(safeLine(message(`error.terminal.${line.code}`)));
      return undefined;
    }
    const typed = readTyped(line.text);
    switch (typed.type) {
      case 'command':
        return typed.command;
      case 'nothing':
        return undefined;
      case 'help':
        this.#noteAll(describeHelp());
        return undefined;
      case 'member-missing':
        this.#note(askForMember(typed.action));
        return undefined;
      case 'cover-unknown':
        this.#note(safeMessage('screen.cover-unknown'));
        return undefined;
      case 'too-much':
        this.#noteAll(describeTooMuch(typed.word, line.text));
        return undefined;
      case 'unknown':
        this.#noteAll(describeUnknown(typed.meant, line.text));
        return undefined;
    }
  }

  isPanic(line: InputLine): boolean {
    const typed = line.ok ? readTyped(line.text) : undefined;
    return typed?.type === 'command' && typed.command.type === 'panic';
  }

  #showNetwork(here: ViewContext): void {
    if (this.#hasShownNetwork || here.network === undefined) return;
    this.#hasShownNetwork = true;
    if (here.network === 'private-test') this.#note(safeMessage('screen.test-network'));
  }

  #showState(event: StateEvent, here: ViewContext): void {
    switch (event.state) {
      case 'bootstrapping':
      case 'descriptor':
      case 'rendezvous':
      case 'joining':
      case 'knocking':
      case 'leaving':
        this.#noteOnce(describeStage(event.state, event));
        return;
      case 'joined':
        this.#showJoined(here);
        return;
      case 'reconnecting':
        if (this.#link === 'joined') this.#link = 'lost';
        this.#noteOnce(safeMessage('screen.not-connected', { detail: safeLine(event.detail ?? event.code ?? '') }));
        return;
      case 'closed':
        this.#note(
          event.code === undefined
            ? safeMessage('screen.left-room')
            : safeMessage('screen.ended', { code: safeLine(event.code) }),
        );
        return;
    }
  }

  #showJoined(here: ViewContext): void {
    const parameters = { member: this.#label(here.self), network: safeMessage('screen.test-network') };
    const isTest = here.network === 'private-test';
    this.#note(safeMessage(`screen.${JOINED_FORMS[this.#link]}${isTest ? '-test' : ''}`, parameters));
    if (this.#link === 'first') this.#note(safeMessage('screen.how-to-talk'));
    this.#link = 'joined';
    this.#hasShownWaiting = false;
  }

  #showQueued(): void {
    if (this.#link === 'joined' || this.#hasShownWaiting) return;
    this.#hasShownWaiting = true;
    this.#note(safeMessage('screen.not-connected-yet'));
  }

  #showGap(count: number, from: Speaker | undefined): void {
    this.#note(describeGap(count, from === undefined ? undefined : this.#label(from)));
  }

  #showLeft(member: Speaker): void {
    if (this.#leftThemselves.size < KNOWN_LABELS_MAX) this.#leftThemselves.add(member.fingerprint);
    this.#note(safeMessage('screen.left', { member: this.#label(member) }));
  }

  #showRemoved({ member, reason }: Extract<ShownEvent, { type: 'removed' }>, here: ViewContext): void {
    const isTold = this.#leftThemselves.delete(member.fingerprint) && reason === 'left';
    const isSelf = member.fingerprint === here.self.fingerprint;
    if (!isTold) this.#note(describeRemoval(member, reason, isSelf, this.#label));
  }

  /**
   * The first knocking strangers get a line each, and all others one together, however often they
   * knock.
   */
  #showKnock({ member, waiting, again }: Extract<ShownEvent, { type: 'knock' }>): void {
    this.#unshownKnocker = waiting <= WAITING_SHOWN_MAX ? undefined : member.fingerprint;
    if (again) return;
    if (waiting <= WAITING_SHOWN_MAX) this.#note(describeKnocker(member, this.#label));
    else if (waiting === WAITING_SHOWN_MAX + 1) this.#noteOnce(safeMessage('screen.more-knocks'));
  }

  /** A warning about a stranger is shown only after a shown knock. */
  #showWarning(event: Extract<ShownEvent, { type: 'warning' }>, here: ViewContext): void {
    if (event.from !== undefined && event.from.fingerprint === this.#unshownKnocker) return;
    for (const alarm of describeWarning(event, here.self)) this.#print(alarm, ALARM);
  }

  #showAccess(mode: AccessMode): void {
    if (mode !== this.#access) this.#note(describeAccess(mode));
    this.#access = mode;
  }

  /** Shows a member's text. */
  #showText(from: Speaker, text: string): void {
    const label = this.#labels.of(from);
    this.#lastNotice = '';
    this.#screen.print(layOutMessage(label, safeText(text), this.#columns()));
  }

  #note(notice: SafeText): void {
    this.#print(notice, NOTICE);
  }

  #noteAll(notices: readonly SafeText[]): void {
    for (const notice of notices) this.#note(notice);
  }

  /** Shows a notice of the program, in the gutter. */
  #print(notice: SafeText, gutter: SafeText): void {
    this.#lastNotice = notice;
    this.#screen.print(layOutNotice(gutter, notice, this.#columns()));
  }

  /** Does not repeat the notice that was shown last. */
  #noteOnce(notice: SafeText): void {
    if (notice !== this.#lastNotice) this.#note(notice);
  }
}
