// The bootstrap machine turns Tor's status events into stages, and a standstill into a stall with
// its cause.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BootstrapEvent, BootstrapStage, BootstrapState } from '../src/control/bootstrap-machine.ts';
import {
  readBootstrapEvent,
  readBootstrapPhase,
  startBootstrap,
  stepBootstrap,
} from '../src/control/bootstrap-machine.ts';
import { BOOTSTRAP_STALL_MS } from '../src/limits.ts';
import type { ControlMessage } from '../src/control/reply-parser.ts';

function event(text: string): ControlMessage {
  return { kind: 'event', status: 650, lines: [{ status: 650, text }] };
}

/** Runs lines of Tor at their times and gives the last state and every stage that was announced. */
function run(lines: readonly (readonly [number, string])[]): { state: BootstrapState; stages: BootstrapStage[] } {
  let { state } = startBootstrap(0);
  const stages: BootstrapStage[] = [];
  for (const [nowMs, line] of lines) {
    const read: BootstrapEvent | undefined =
      line === 'tick' ? { type: 'tick', nowMs } : readBootstrapEvent(event(line), nowMs);
    if (read === undefined) throw new Error(`not an event: ${line}`);
    const step = stepBootstrap(state, read);
    state = step.state;
    for (const effect of step.effects) if (effect.type === 'announce') stages.push(effect.stage);
  }
  return { state, stages };
}

const CONN = 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting to a relay"';
const DIR = 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=25 TAG=requesting_status SUMMARY="Asking"';
const DONE = 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=100 TAG=done SUMMARY="Done"';

function warn(reason: string, recommendation = 'warn'): string {
  return `STATUS_CLIENT WARN BOOTSTRAP PROGRESS=5 TAG=conn SUMMARY="Connecting to a relay" WARNING="text" REASON=${reason} COUNT=1 RECOMMENDATION=${recommendation} HOSTID="ABCD" HOSTADDR="192.0.2.7:9001"`;
}

describe('progress', () => {
  test('the machine announces each stage and the end', () => {
    const { stages } = run([
      [1, CONN],
      [2, DIR],
      [3, DONE],
    ]);
    expect(stages).toEqual([
      { state: 'progressing', percent: 5, tag: 'conn', summary: 'connecting to a relay' },
      { state: 'progressing', percent: 25, tag: 'requesting_status', summary: 'asking for the list of the network' },
      { state: 'done' },
    ]);
  });

  test('the machine announces no stage twice', () => {
    expect(
      run([
        [1, CONN],
        [2, CONN],
        [3, DONE],
        [4, DONE],
      ]).stages,
    ).toHaveLength(2);
  });

  test('the machine reads the value of GETINFO like the event', () => {
    const line = CONN.replace('STATUS_CLIENT ', '');
    expect(readBootstrapPhase(line, 7)).toEqual(readBootstrapEvent(event(CONN), 7));
    expect(readBootstrapPhase('nonsense', 7)).toBeUndefined();
  });

  test('the machine shows no text of Tor for an unknown stage', () => {
    const { stages } = run([[1, 'STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=42 TAG=canary SUMMARY="relay 192.0.2.7"']]);
    expect(stages[0]).toMatchObject({ percent: 42, tag: 'unknown' });
    expect(JSON.stringify(stages)).not.toMatch(/canary|192/);
  });

  test.each(['101', '-1', '1e2', '', 'x'])('the machine ignores the progress %j', (progress) => {
    expect(
      readBootstrapEvent(event(`STATUS_CLIENT NOTICE BOOTSTRAP PROGRESS=${progress} TAG=conn`), 0),
    ).toBeUndefined();
  });
});

describe('stalls', () => {
  test.each([
    ['NOROUTE', 'no-network'],
    ['TIMEOUT', 'blocked'],
    ['CONNECTREFUSED', 'blocked'],
    ['CONNECTRESET', 'blocked'],
    ['TLS_ERROR', 'blocked'],
    ['CLOCK_SKEW', 'clock-skew'],
    ['RESOURCELIMIT', 'unknown'],
    ['SOMETHING_NEW', 'unknown'],
  ])('a warning with reason %s means %s', (reason, cause) => {
    const { state } = run([
      [1, CONN],
      [2, warn(reason)],
    ]);
    expect(state.stage).toMatchObject({ state: 'stalled', cause, percent: 5 });
    expect(JSON.stringify(state)).not.toMatch(/192|ABCD|text/);
  });

  test('a warning that Tor recommends to ignore counts only after the stall timer', () => {
    const early = run([
      [1, CONN],
      [2, warn('NOROUTE', 'ignore')],
    ]);
    expect(early.state.stage.state).toBe('progressing');
    const late = run([
      [1, CONN],
      [2, warn('NOROUTE', 'ignore')],
      [BOOTSTRAP_STALL_MS + 1, 'tick'],
    ]);
    expect(late.state.stage).toMatchObject({ state: 'stalled', cause: 'no-network', warning: 'NOROUTE' });
  });

  test('a stall without a reason has the cause unknown, and the first minute is no stall', () => {
    expect(run([[BOOTSTRAP_STALL_MS - 1, 'tick']]).state.stage.state).toBe('starting');
    const stalled = run([[BOOTSTRAP_STALL_MS, 'tick']]).state.stage;
    expect(stalled).toMatchObject({ state: 'stalled', cause: 'unknown', warning: null });
  });

  test('each progress restarts the stall timer', () => {
    const step = stepBootstrap(run([[50_000, CONN]]).state, { type: 'tick', nowMs: BOOTSTRAP_STALL_MS });
    expect(step.state.stage.state).toBe('progressing');
    expect(step.effects).toEqual([{ type: 'wake-at', atMs: 50_000 + BOOTSTRAP_STALL_MS }]);
  });

  test('progress ends a stall and clears its reason', () => {
    const { state } = run([
      [1, CONN],
      [2, warn('NOROUTE')],
      [3, DIR],
      [3 + BOOTSTRAP_STALL_MS, 'tick'],
    ]);
    expect(state.stage).toMatchObject({ state: 'stalled', cause: 'unknown', percent: 25 });
  });

  test('a newer reason during a stall is announced once', () => {
    const { stages } = run([
      [1, CONN],
      [2, warn('TIMEOUT')],
      [3, warn('TIMEOUT')],
      [4, warn('NOROUTE', 'ignore')],
    ]);
    expect(stages.map((stage) => (stage.state === 'stalled' ? stage.cause : stage.state))).toEqual([
      'progressing',
      'blocked',
      'no-network',
    ]);
  });
});

describe('the clock and the network', () => {
  test('a clock that a trusted source calls wrong is a stall at once and explains later ones', () => {
    const { stages } = run([
      [1, CONN],
      [2, 'STATUS_GENERAL WARN CLOCK_SKEW SKEW=-7200 SOURCE=DIRSERV:192.0.2.7:80'],
      [3, DIR],
      [4, warn('TIMEOUT')],
    ]);
    expect(stages.map((stage) => (stage.state === 'stalled' ? stage.cause : stage.state))).toEqual([
      'progressing',
      'clock-skew',
      'progressing',
      'clock-skew',
    ]);
  });

  test('a hint of one relay about the clock does not hide a better reason', () => {
    const lines: [number, string][] = [
      [1, CONN],
      [2, 'STATUS_GENERAL NOTICE CLOCK_SKEW SKEW=-7200 SOURCE=OR:192.0.2.7:80'],
    ];
    expect(run(lines).state.stage.state).toBe('progressing');
    expect(run([...lines, [3, warn('NOROUTE')]]).state.stage).toMatchObject({ cause: 'no-network' });
    expect(run([...lines, [BOOTSTRAP_STALL_MS + 1, 'tick']]).state.stage).toMatchObject({ cause: 'clock-skew' });
  });

  test('a clock that jumped is the cause of a stall without another reason', () => {
    const { state } = run([
      [1, 'STATUS_GENERAL NOTICE CLOCK_JUMPED TIME=3600'],
      [BOOTSTRAP_STALL_MS, 'tick'],
    ]);
    expect(state.stage).toMatchObject({ state: 'stalled', cause: 'clock-skew', warning: 'clock-jumped' });
  });

  test('a network that is down is the cause of a stall until it is up again', () => {
    const down = run([
      [1, 'NETWORK_LIVENESS DOWN'],
      [BOOTSTRAP_STALL_MS, 'tick'],
    ]);
    expect(down.state.stage).toMatchObject({ cause: 'no-network' });
    const up = run([
      [1, 'NETWORK_LIVENESS DOWN'],
      [2, 'NETWORK_LIVENESS UP'],
      [BOOTSTRAP_STALL_MS, 'tick'],
    ]);
    expect(up.state.stage).toMatchObject({ cause: 'unknown' });
  });

  test('no event changes the stage of a connected Tor', () => {
    const { stages } = run([
      [1, DONE],
      [2, 'STATUS_GENERAL WARN CLOCK_SKEW SKEW=9999 SOURCE=CONSENSUS'],
      [3, 'NETWORK_LIVENESS DOWN'],
      [BOOTSTRAP_STALL_MS * 9, 'tick'],
    ]);
    expect(stages).toEqual([{ state: 'done' }]);
  });
});

test('the machine reads any line without throwing', () => {
  const word = fc.constantFrom(
    'STATUS_CLIENT',
    'STATUS_GENERAL',
    'WARN',
    'BOOTSTRAP',
    'CLOCK_SKEW',
    'PROGRESS=5',
    'TAG=',
    '"',
    'REASON=__proto__',
    'TAG=constructor',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string({ maxLength: 8 })), { maxLength: 8 }), (words) => {
      const read = readBootstrapEvent(event(words.join(' ')), 1);
      if (read !== undefined) stepBootstrap(startBootstrap(0).state, read);
    }),
    { numRuns: 5_000 },
  );
});
