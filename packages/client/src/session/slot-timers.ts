// Winds a schedule's metronome: what it is asked, and the timers by which it is asked again. PROTOCOL.md §12.

import { SEAL_LEAD_MS, startMetronome, stepMetronome, wakeAt } from '@sotto/protocol';
import type { Dispatch } from '@sotto/protocol';
import { NO_METRONOME } from './cover.ts';
import type { Schedule } from './cover.ts';
import type { StepContext } from './state.ts';
import { clearTimer, setTimer } from './effects.ts';

export function startSchedule(schedule: Schedule, context: StepContext): Schedule {
  const metronome = startMetronome(schedule.cover, 'up', context.now, context.chance);
  const started: Schedule = {
    ...schedule,
    metronome,
    received: { since: context.now, bytes: 0, wasThin: schedule.received.wasThin },
  };
  setTimers(started, context);
  return started;
}

export function stopSchedule(schedule: Schedule, context: StepContext): Schedule {
  clearTimer(context, 'slot');
  clearTimer(context, 'seal');
  return { ...schedule, metronome: NO_METRONOME };
}

/** Something waits to leave: in jitter that decides when the next frame does. */
export function onContentQueued(schedule: Schedule, context: StepContext): Schedule {
  const { state: metronome } = stepMetronome(schedule.metronome, { type: 'content', now: context.now }, context.chance);
  const noted: Schedule = { ...schedule, metronome };
  if (wakeAt(metronome) !== wakeAt(schedule.metronome)) setTimers(noted, context);
  return noted;
}

/** The time is there. @returns what leaves. */
export function processDue(
  schedule: Schedule,
  context: StepContext,
): { readonly schedule: Schedule; readonly dispatches: readonly Dispatch[] } {
  const step = stepMetronome(schedule.metronome, { type: 'due', now: context.now }, context.chance);
  const next: Schedule = { ...schedule, metronome: step.state };
  setTimers(next, context);
  return { schedule: next, dispatches: step.effects };
}

/** A frame is sealed a little before its slot, whatever it says. */
function setTimers({ metronome }: Schedule, context: StepContext): void {
  const due = wakeAt(metronome);
  if (due === undefined) return;
  setTimer(context, 'slot', Math.max(0, due - context.now));
  if (metronome.mode === 'stealth') setTimer(context, 'seal', Math.max(0, due - SEAL_LEAD_MS - context.now));
}
