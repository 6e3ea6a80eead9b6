// The doctor's bounds of time and size, and the least versions that it accepts.

/** One whole run: an engine that hangs must not hang the doctor. */
export const RUN_LIMIT_MS = 120_000;
/** From a signal to the end: the doctor removes its probes within it. */
export const STOP_LIMIT_MS = 5_000;
/** One try of the probe: a closed port answers at once, an isolated network never. */
export const PROBE_TRY_MS = 3_000;
/** One whole probe, with the start of its container. */
export const PROBE_LIMIT_MS = 30_000;
export const PROBE_MEMORY_BYTES = 134_217_728;
export const PROBE_PIDS = 32;
export const PROBE_CPUS = 1;
/** The most output of a probe, and of `tor --version`. */
export const OUTPUT_BYTES_MAX = 65_536;
/** A torrc with many bridges has some kilobytes. */
export const TORRC_BYTES_MAX = 262_144;
export const VERSION_LIMIT_MS = 10_000;
export const RELEASE_BYTES_MAX = 1_048_576;

/** Restarts that Docker may try: CIS Docker benchmark 5.15. */
export const RESTARTS_MAX = 5;
/** The lines of evidence of one finding, and their length. */
export const EVIDENCE_LINES_MAX = 12;
export const EVIDENCE_CHARS_MAX = 240;

/** Older versions have known holes. A test keeps it equal to `.env`. */
export const TOR_MINIMUM = '0.4.9.11';

/** A longer option is not repeated in its refusal. */
export const OPTION_CHARS_MAX = 30;
