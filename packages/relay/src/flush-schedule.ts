// When a room's waiting frames go out: the only place that decides it. In mode `off` it is now; cover modes put a timer here.

/** Calls back at the next slot. Asked once, it calls once. */
export interface FlushSchedule {
  scheduleFlush(call: () => void): void;
}

/** Mode `off`: as soon as the sockets that are readable in this turn of the event loop have been read, so that their frames share a flush. */
export const flushImmediately: FlushSchedule = {
  scheduleFlush: (call) => {
    setImmediate(call);
  },
};
