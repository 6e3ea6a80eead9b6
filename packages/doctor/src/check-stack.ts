// Checks of the stack and of its engine: missing and unknown containers, released images, known
// holes.

import { message } from './messages.ts';
import { KNOWN_HOLES } from './known-holes.ts';
import type { KnownHole } from './known-holes.ts';
import type { ContainerFacts, EngineFacts, Snapshot } from './snapshot.ts';
import { OWN_IMAGES, withPlan } from './stack-plan.ts';
import type { StackPlan } from './stack-plan.ts';
import { lookAt, right, unclear, verdictOf, verdictOfAll, wrong } from './verdict.ts';
import type { Look, Verdict } from './verdict.ts';
import { hasRepair, readVersion } from './version.ts';

export function stackRuns({ containers }: Snapshot, plan: StackPlan): Verdict {
  const there = (service: string): ContainerFacts[] => containers.filter((container) => container.service === service);
  // A service that only a host has makes this a host's side.
  const isHosting = plan.hosting.some((service) => !plan.visiting.includes(service) && there(service).length > 0);
  const needed = isHosting ? plan.hosting : plan.visiting;
  const missing = needed.filter((service) => there(service).length === 0);
  // A client may leave its container behind; that breaks no requirement.
  const staying = containers.filter(({ service, running }) => running || plan.services[service]?.isClient !== true);
  const looks = staying.map(({ name, running, health }): Look => {
    if (!running) return wrong(message('evidence.stops', { name }));
    if (health === 'unhealthy') return wrong(message('evidence.unhealthy', { name }));
    return health === 'starting'
      ? unclear(message('evidence.starting', { name }))
      : right(message('evidence.runs', { name }));
  });
  return verdictOf([...missing.map((service) => wrong(message('evidence.service-missing', { service }))), ...looks]);
}

export function containersKnown({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    containers,
    ({ name, service, image }) => {
      const known = plan.services[service];
      if (known === undefined) return message('evidence.service-unknown', { name });
      const isTwice = containers.filter((container) => container.service === service).length > 1;
      if (isTwice && known.isClient !== true) return message('evidence.service-twice', { name, service });
      return imageName(image) === known.image ? undefined : message('evidence.other-image', { name, image });
    },
    containers.map(({ name }) => name).join(', '),
  );
}

/** `redis:8.0-bookworm` and `docker.io/library/redis:8.0-bookworm@sha256:…` are both `redis`. */
function imageName(image: string): string {
  return image
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')
    .replace(/^(docker\.io\/)?(library\/)?/, '');
}

export function imageReleased({ containers, release }: Snapshot, plan: StackPlan): Verdict {
  return verdictOf(
    lookAt(message('evidence.images'), release, ({ version, images }) =>
      withPlan(containers, plan).map(([{ name, imageLayers }, { image }]) => {
        if (!image.startsWith(OWN_IMAGES)) return right(message('evidence.foreign-image', { name, image }));
        const released = images[image];
        if (released === undefined) return unclear(message('evidence.image-not-in-release', { name, version, image }));
        if (imageLayers.length === 0) return unclear(message('evidence.image-without-layers', { name }));
        return released.some((layers) => layers.join() === imageLayers.join())
          ? right(message('evidence.image-released', { name, version }))
          : wrong(message('evidence.image-differs', { name, image, version }));
      }),
    ),
  );
}

export function engineHoles({ engine }: Snapshot): Verdict {
  const desktop = engine.operatingSystem.includes('Docker Desktop') ? [unclear(message('evidence.hole-desktop'))] : [];
  return verdictOf([...KNOWN_HOLES.map((hole) => lookForHole(hole, engine)), ...desktop]);
}

function lookForHole(hole: KnownHole, engine: EngineFacts): Look {
  const text = engine[hole.part === 'engine' ? 'version' : 'runc'];
  const version = readVersion(text);
  const facts = { hole: hole.name, part: hole.part, version: text, what: message(`evidence.${hole.what}`) };
  if (version === undefined) return unclear(message('evidence.hole-version-unreadable', facts));
  if (hasRepair(version, hole.repairedIn, hole.branchNumbers) || hole.repairedBuilds.includes(text))
    return right(message('evidence.hole-repaired', facts));
  if (hole.closedBy !== undefined)
    return right(message('evidence.hole-closed', { ...facts, requirement: hole.closedBy }));
  return version.isRebuilt
    ? unclear(message('evidence.hole-rebuilt', facts))
    : wrong(message('evidence.hole-open', facts));
}

/** dockerd's warning since 19.03: `API is accessible on http://0.0.0.0:2375 without encryption`. */
const OPEN_ENGINE = /\bAPI is accessible on\b/i;

export function engineClosed({ engine }: Snapshot): Verdict {
  const open = engine.warnings.filter((warning) => OPEN_ENGINE.test(warning));
  return verdictOf(
    open.length > 0 ? open.map((warning) => wrong(warning)) : [right(message('evidence.engine-closed'))],
  );
}
