// Winds a schedule's metronome: what it is asked, and the timers by which it is asked again. PROTOCOL.md §12.

import { SEAL_LEAD_MS, startMetronome, stepMetronome, wakeAt } from '@sotto/protocol';
import type { Departure } from '@sotto/protocol';
import { NO_METRONOME } from './cover.ts';
import type { Schedule } from './cover.ts';
import type { Turn } from './state.ts';
import { clearTimer, setTimer } from './effects.ts';

export function startSchedule(schedule: Schedule, turn: Turn): Schedule {
  const metronome = startMetronome(schedule.cover, 'up', turn.now, turn.chance);
  const started: Schedule = {
    ...schedule,
    metronome,
    heard: { since: turn.now, bytes: 0, wasThin: schedule.heard.wasThin },
  };
  setTimers(started, turn);
  return started;
}

export function stopSchedule(schedule: Schedule, turn: Turn): Schedule {
  clearTimer(turn, 'slot');
  clearTimer(turn, 'seal');
  return { ...schedule, metronome: NO_METRONOME };
}

/** Something waits to leave: in jitter that decides when the next frame does. */
export function noteContent(schedule: Schedule, turn: Turn): Schedule {
  const { metronome } = stepMetronome(schedule.metronome, { type: 'content', now: turn.now }, turn.chance);
  const noted: Schedule = { ...schedule, metronome };
  if (wakeAt(metronome) !== wakeAt(schedule.metronome)) setTimers(noted, turn);
  return noted;
}

/** The time is there. @returns what leaves. */
export function takeDue(
  schedule: Schedule,
  turn: Turn,
): { readonly schedule: Schedule; readonly departures: readonly Departure[] } {
  const step = stepMetronome(schedule.metronome, { type: 'due', now: turn.now }, turn.chance);
  const next: Schedule = { ...schedule, metronome: step.metronome };
  setTimers(next, turn);
  return { schedule: next, departures: step.departures };
}

/** A frame is sealed a little before its slot, whatever it says. */
function setTimers({ metronome }: Schedule, turn: Turn): void {
  const due = wakeAt(metronome);
  if (due === undefined) return;
  setTimer(turn, 'slot', Math.max(0, due - turn.now));
  if (metronome.mode === 'stealth') setTimer(turn, 'seal', Math.max(0, due - SEAL_LEAD_MS - turn.now));
}
