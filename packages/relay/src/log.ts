// All that the relay ever says about itself: a closed set of words without ids, addresses or times,
// on stderr.

export type LogEvent =
  | 'listening'
  | 'stopping'
  | 'stopped'
  | 'start-failed'
  | 'store-lost'
  | 'store-back'
  | 'room-reseeded'
  | 'room-reloaded'
  | 'room-failed'
  | 'connection-failed'
  | 'admin-failed';

/** `detail` is a code out of one of our tables. */
export type Log = (event: LogEvent, detail?: string) => void;

export const stderrLog: Log = (event, detail) => {
  process.stderr.write(detail === undefined ? `relay: ${event}\n` : `relay: ${event} ${detail}\n`);
};

export const silentLog: Log = () => undefined;
