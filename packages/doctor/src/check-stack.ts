// Whether the stack is all there and nothing but the stack, and what can be said of the engine under it.

import { DESKTOP_HOLE, KNOWN_HOLES } from './known-holes.ts';
import type { KnownHole } from './known-holes.ts';
import type { ContainerFacts, EngineFacts, Snapshot } from './snapshot.ts';
import { OWN_IMAGES, withPlan } from './stack-plan.ts';
import type { StackPlan } from './stack-plan.ts';
import { lookAt, right, unclear, verdictOf, verdictOfAll, wrong } from './verdict.ts';
import type { Look, Verdict } from './verdict.ts';
import { hasRepair, readVersion } from './version.ts';

export function stackRuns({ containers }: Snapshot, plan: StackPlan): Verdict {
  const there = (service: string): ContainerFacts[] => containers.filter((container) => container.service === service);
  // Whatever only a host has makes this a host's side.
  const isHosting = plan.hosting.some((service) => !plan.visiting.includes(service) && there(service).length > 0);
  const needed = isHosting ? plan.hosting : plan.visiting;
  const missing = needed.filter((service) => there(service).length === 0);
  // A client that has left may leave its container behind; that breaks no requirement.
  const staying = containers.filter(({ service, running }) => running || plan.services[service]?.isClient !== true);
  const looks = staying.map(({ name, running, health }): Look => {
    if (!running) return wrong(`${name} does not run`);
    if (health === 'unhealthy') return wrong(`${name} is not healthy`);
    return health === 'starting' ? unclear(`${name} is still starting`) : right(`${name} runs`);
  });
  return verdictOf([...missing.map((service) => wrong(`${service} is not there`)), ...looks]);
}

export function containersKnown({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    containers,
    ({ name, service, image }) => {
      const known = plan.services[service];
      if (known === undefined) return `${name} is none of Sotto's services`;
      const isTwice = containers.filter((container) => container.service === service).length > 1;
      if (isTwice && known.isClient !== true) return `${name}: ${service} is there twice`;
      return imageName(image) === known.image ? undefined : `${name} runs another image: ${image}`;
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
    lookAt('images', release, ({ version, images }) =>
      withPlan(containers, plan).map(([{ name, imageLayers }, { image }]) => {
        if (!image.startsWith(OWN_IMAGES)) return right(`${name}: ${image} is none of Sotto's images`);
        const released = images[image];
        if (released === undefined) return unclear(`${name}: release ${version} does not say which ${image} it has`);
        if (imageLayers.length === 0) return unclear(`${name}: the engine does not say what its image consists of`);
        return released.some((layers) => layers.join() === imageLayers.join())
          ? right(`${name}: as released in ${version}`)
          : wrong(`${name}: another ${image} than that of release ${version}`);
      }),
    ),
  );
}

export function engineHoles({ engine }: Snapshot): Verdict {
  const desktop = engine.operatingSystem.includes('Docker Desktop') ? [unclear(DESKTOP_HOLE)] : [];
  return verdictOf([...KNOWN_HOLES.map((hole) => lookForHole(hole, engine)), ...desktop]);
}

function lookForHole(hole: KnownHole, engine: EngineFacts): Look {
  const text = engine[hole.part === 'engine' ? 'version' : 'runc'];
  const of = `${hole.part} ${text}`;
  const version = readVersion(text);
  if (version === undefined) return unclear(`${hole.name}: the version of ${hole.part} cannot be read`);
  if (hasRepair(version, hole.repairedIn, hole.branchNumbers) || hole.repairedBuilds.includes(text))
    return right(`${hole.name}: ${of} does not have it`);
  if (hole.closedBy !== undefined)
    return right(`${hole.name}: ${of} may have it; it is closed here (${hole.closedBy})`);
  return version.isRebuilt
    ? unclear(
        `${hole.name} (${hole.what}): ${of} is a distribution's build, which may have been repaired: ask its security tracker`,
      )
    : wrong(`${hole.name} (${hole.what}): ${of} has it`);
}

/** How dockerd words it since 19.03: `API is accessible on http://0.0.0.0:2375 without encryption`. */
const OPEN_ENGINE = /\bAPI is accessible on\b/i;

export function engineClosed({ engine }: Snapshot): Verdict {
  const open = engine.warnings.filter((warning) => OPEN_ENGINE.test(warning));
  return verdictOf(
    open.length > 0 ? open.map((warning) => wrong(warning)) : [right('the engine warns of no open listener')],
  );
}
