// The clocks of the operating system, for entry points and defaults: everything else is handed its
// `Clock`.

import type { Clock } from './clock.ts';

/** Its timers keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Its timers do not keep the process alive. */
export const backgroundClock: Clock = {
  now: () => performance.now(),
  after: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};
