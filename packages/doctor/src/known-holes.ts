// Known holes of engines that break a requirement of Sotto, with the first versions that repair them: by the
// projects' own threads and changelogs, as of November 2026.

export interface KnownHole {
  readonly name: string;
  readonly what: string;
  readonly part: 'engine' | 'runc';
  /** First versions without it, one a branch; `branchNumbers` leading numbers make a branch. */
  readonly repairedIn: readonly string[];
  readonly branchNumbers: number;
  /** Builds of distributions that have the repair under an older number. */
  readonly repairedBuilds: readonly string[];
  /** The requirement of ours that closes it, whatever the engine. */
  readonly closedBy?: string;
}

export const KNOWN_HOLES: readonly KnownHole[] = [
  {
    // moby#47538, #47589, #47593; GHSA-mq39-4gv4-mvpx. 24.0 and 20.10 never got it.
    name: 'CVE-2024-29018',
    what: 'names asked for on an internal network leave through the engine itself',
    part: 'engine',
    repairedIn: ['23.0.11', '25.0.5', '26.0.0'],
    branchNumbers: 1,
    repairedBuilds: [],
    closedBy: 'names-inside',
  },
  {
    // GHSA-xr7r-f8xq-vfvv; Debian's build by its own changelog.
    name: 'CVE-2024-21626',
    what: 'a container can start with a folder of the machine as its working directory',
    part: 'runc',
    repairedIn: ['1.1.12'],
    branchNumbers: 2,
    repairedBuilds: ['1.1.5+ds1-1+deb12u1'],
  },
  {
    // GHSA-9493-h29p-rfm2, GHSA-qw9x-cqr3-wc7r, GHSA-cgrx-mc8f-2prm, in one release.
    name: 'CVE-2025-31133, -52565 and -52881',
    what: 'a container that is being started can be made to write to /proc of the machine',
    part: 'runc',
    repairedIn: ['1.2.8', '1.3.3', '1.4.0'],
    branchNumbers: 2,
    repairedBuilds: [],
  },
];

/** CVE-2025-9074: before Docker Desktop 4.44.3 every container reached the engine. Desktop does not tell its version to its engine's users. */
export const DESKTOP_HOLE = 'Docker Desktop before 4.44.3 lets every container reach the engine (CVE-2025-9074)';
