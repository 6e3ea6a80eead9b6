// The bounds of what the doctor waits for and reads, and the floors that it measures against, in one place.

/** All of a run together; an engine that hangs must not hang the doctor. */
export const RUN_LIMIT_MS = 120_000;
/** From a signal to the end, whatever hangs: the probes' containers are removed within it. */
export const STOP_LIMIT_MS = 5_000;
/** One try of the probe: a closed port answers at once, and behind a wall nothing answers ever. */
export const PROBE_TRY_MS = 3_000;
/** All of one probe, the start of its container included. */
export const PROBE_LIMIT_MS = 30_000;
export const PROBE_MEMORY_BYTES = 134_217_728;
export const PROBE_PIDS = 32;
export const PROBE_CPUS = 1;
/** What a probe may print, and what `tor --version` may. */
export const OUTPUT_BYTES_MAX = 65_536;
/** A torrc with many bridges has some kilobytes. */
export const TORRC_BYTES_MAX = 262_144;
export const VERSION_LIMIT_MS = 10_000;
export const RELEASE_BYTES_MAX = 1_048_576;

/** Restarts that Docker may try by itself: CIS Docker benchmark 5.15. */
export const RESTARTS_MAX = 5;
/** Lines of evidence that one finding shows, and the length of each. */
export const EVIDENCE_LINES_MAX = 12;
export const EVIDENCE_CHARS_MAX = 240;

/** Older ones have known holes (`.env` has the same: a test compares). */
export const TOR_MINIMUM = '0.4.9.11';

/** A longer option is not repeated in the line that refuses it. */
export const OPTION_CHARS_MAX = 30;
