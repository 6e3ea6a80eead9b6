// Checks of mounts: files that a container can see and write beyond its own read-only root.

import { message } from './messages.ts';
import type { MountFacts, Snapshot } from './snapshot.ts';
import { withPlan } from './stack-plan.ts';
import type { StackPlan } from './stack-plan.ts';
import { right, verdictOf, verdictOfAll, wrong } from './verdict.ts';
import type { Verdict } from './verdict.ts';

const ENGINE_SOCKET = /(^|\/)(docker|containerd|podman|crio)\.sock$/;
/** Folders of engine sockets: a container that sees one of them sees the socket. */
const ENGINE_SOCKET_FOLDERS = new Set([
  '/',
  '/run',
  '/var',
  '/var/run',
  '/run/docker',
  '/run/containerd',
  '/run/podman',
]);
const FLAGS = ['noexec', 'nosuid', 'nodev'];
/** The mode of a tmpfs that only owner and group can use. */
const CLOSED_MODE = /^mode=[0-7]*0$/;

const isEngineSocket = ({ type, source }: MountFacts): boolean =>
  type !== 'volume' && (ENGINE_SOCKET.test(source) || ENGINE_SOCKET_FOLDERS.has(source.replace(/(.)\/+$/, '$1')));

export function engineSocket({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, mounts }) => {
      const found = mounts.find(isEngineSocket);
      return found === undefined ? undefined : message('evidence.sees', { name, sources: found.source });
    },
    message('evidence.no-socket'),
  );
}

export function machineFolders({ containers }: Snapshot): Verdict {
  return verdictOfAll(
    containers,
    ({ name, mounts }) => {
      const found = mounts.filter((mount) => mount.type === 'bind' && !isEngineSocket(mount));
      return found.length > 0
        ? message('evidence.sees', { name, sources: found.map(({ source }) => source).join(', ') })
        : undefined;
    },
    message('evidence.no-folder'),
  );
}

export function volumesKnown({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    withPlan(containers, plan),
    ([{ name, mounts }, service]) => {
      const others = mounts.filter(({ type }) => type !== 'bind' && type !== 'npipe');
      const extra = others.filter(
        ({ type, source, target }) => type !== 'volume' || service.volumes[source]?.target !== target,
      );
      const missing = Object.keys(service.volumes).filter((volume) => !others.some(({ source }) => source === volume));
      if (extra.length > 0)
        return message('evidence.has-volumes', { name, mounts: extra.map(describeMount).join(', ') });
      return missing.length > 0
        ? message('evidence.volumes-missing', { name, volumes: missing.join(', ') })
        : undefined;
    },
    message('evidence.own-volumes'),
  );
}

function describeMount({ type, source, target }: MountFacts): string {
  return message('evidence.mount-at', { source: source === '' ? type : source, target });
}

export function mountsReadOnly({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    withPlan(containers, plan),
    ([{ name, mounts }, service]) => {
      const writable = mounts.filter(({ source, writable: is }) => is && service.volumes[source]?.writable === false);
      return writable.length > 0
        ? message('evidence.can-write', { name, places: writable.map(({ source }) => source).join(', ') })
        : undefined;
    },
    message('evidence.connects-read-only'),
  );
}

export function socketsInMemory({ volumes }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    volumes.filter(({ name }) => !plan.volumesKept.includes(name)),
    ({ name, driver, options }) => {
      const set = (options['o'] ?? '').split(',');
      if (driver !== 'local' || options['type'] !== 'tmpfs') return message('evidence.volume-on-disk', { name });
      if (!isBoundedAndInert(set)) return message('evidence.volume-loose', { name });
      // The volume of the test network lists its authorities, which are public.
      return name === 'tornet' || set.some((option) => CLOSED_MODE.test(option))
        ? undefined
        : message('evidence.volume-open', { name });
    },
    message('evidence.sockets-in-memory'),
  );
}

/** Whether a tmpfs has a size, and allows no program, no setuid and no device. */
function isBoundedAndInert(options: readonly string[]): boolean {
  return FLAGS.every((flag) => options.includes(flag)) && options.some((option) => option.startsWith('size='));
}

export function guardsPlain({ volumes }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    volumes.filter(({ name }) => plan.volumesKept.includes(name)),
    ({ name, driver, options }) => {
      if (driver === 'local' && Object.keys(options).length === 0) return undefined;
      const device = options['device'];
      return device === undefined
        ? message('evidence.volume-driver', { name, driver })
        : message('evidence.volume-device', { name, device });
    },
    message('evidence.plain'),
  );
}

export function tmpfsPlain({ containers }: Snapshot, plan: StackPlan): Verdict {
  return verdictOfAll(
    withPlan(containers, plan),
    ([{ name, tmpfs }, service]) => {
      const extra = Object.keys(tmpfs).filter((path) => !service.tmpfs.includes(path));
      if (extra.length > 0) return message('evidence.can-write', { name, places: extra.join(', ') });
      const loose = Object.entries(tmpfs).filter(([, options]) => !isBoundedAndInert(options.split(',')));
      return loose.length > 0
        ? message('evidence.tmpfs-loose', { name, paths: loose.map(([path]) => path).join(', ') })
        : undefined;
    },
    message('evidence.tmpfs-plain'),
  );
}

export function volumesStrangers({ volumes, strangers }: Snapshot): Verdict {
  const there = strangers.filter((stranger) => stranger.volumes.length > 0);
  return verdictOf(
    there.length > 0
      ? there.map(({ name, volumes: of }) => wrong(message('evidence.uses', { name, volumes: of.join(', ') })))
      : volumes.map(({ name }) => right(message('evidence.no-stranger', { name }))),
  );
}
