// When a room's waiting frames go to the store.

/** Calls `call` when the room's waiting frames are to be flushed. Asked once, it calls once. */
export interface FlushSchedule {
  scheduleFlush(call: () => void): void;
}

/**
 * Flushes as soon as the sockets that are readable in this iteration of the event loop were read,
 * so that their frames share a flush.
 */
export const flushImmediately: FlushSchedule = {
  scheduleFlush: (call) => {
    setImmediate(call);
  },
};
