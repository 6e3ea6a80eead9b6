// A rule of the compose linter: one requirement, with a stable code, and the evidence against it as
// data.

export interface Rule<Subject> {
  /** Kebab-case; it does not change. */
  readonly code: string;
  /** The recommendation of the CIS Docker Benchmark 1.6.0 that it stands for, where there is one. */
  readonly cis?: string;
  /** The requirement, in one line. */
  readonly requirement: string;
  /** What to do about a finding. */
  readonly next: string;
  /** @returns the evidence against the requirement, one text a finding. */
  readonly against: (subject: Subject) => readonly string[];
}

export interface Finding {
  readonly stack: string;
  /** `service relay`, `network state`, `volume gate-socket`, or `stack`. */
  readonly subject: string;
  readonly code: string;
  readonly evidence: string;
  readonly next: string;
}

/** @returns the evidence, unless the requirement holds. */
export function unless(holds: boolean, evidence: string): readonly string[] {
  return holds ? [] : [evidence];
}
