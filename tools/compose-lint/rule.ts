// What a rule of the compose linter is: one promise, with a code that stays, and the evidence against it as data.

export interface Rule<Subject> {
  /** Kebab-case; it does not change. */
  readonly code: string;
  /** The recommendation of the CIS Docker Benchmark 1.6.0 that it stands for, where there is one. */
  readonly cis?: string;
  /** The promise, in one line. */
  readonly promise: string;
  /** What to do about a finding. */
  readonly next: string;
  /** @returns what was found against the promise, one text a finding. */
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

/** Evidence of one thing that must be so. */
export function unless(holds: boolean, evidence: string): readonly string[] {
  return holds ? [] : [evidence];
}
