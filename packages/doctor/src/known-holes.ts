// Known holes of engines that break a requirement of Sotto, with the first repaired versions, by
// the projects' own threads and changelogs as of November 2026.

export interface KnownHole {
  readonly name: string;
  readonly what: 'hole-names-leak' | 'hole-working-directory' | 'hole-proc-written';
  readonly part: 'engine' | 'runc';
  /** The first version without it of each branch; `branchNumbers` leading numbers make a branch. */
  readonly repairedIn: readonly string[];
  readonly branchNumbers: number;
  /** Builds of distributions that have the repair under an older number. */
  readonly repairedBuilds: readonly string[];
  /** The requirement that closes it on every engine. */
  readonly closedBy?: string;
}

export const KNOWN_HOLES: readonly KnownHole[] = [
  {
    // moby#47538, #47589, #47593; GHSA-mq39-4gv4-mvpx. 24.0 and 20.10 never got it.
    name: 'CVE-2024-29018',
    what: 'hole-names-leak',
    part: 'engine',
    repairedIn: ['23.0.11', '25.0.5', '26.0.0'],
    branchNumbers: 1,
    repairedBuilds: [],
    closedBy: 'names-inside',
  },
  {
    // GHSA-xr7r-f8xq-vfvv; Debian's build by its own changelog.
    name: 'CVE-2024-21626',
    what: 'hole-working-directory',
    part: 'runc',
    repairedIn: ['1.1.12'],
    branchNumbers: 2,
    repairedBuilds: ['1.1.5+ds1-1+deb12u1'],
  },
  {
    // GHSA-9493-h29p-rfm2, GHSA-qw9x-cqr3-wc7r, GHSA-cgrx-mc8f-2prm, in one release.
    name: 'CVE-2025-31133, -52565 and -52881',
    what: 'hole-proc-written',
    part: 'runc',
    repairedIn: ['1.2.8', '1.3.3', '1.4.0'],
    branchNumbers: 2,
    repairedBuilds: [],
  },
];
