// The engine's own removal of a container and ours may meet.

import Docker from 'dockerode';
import { describe, expect, inject, it } from 'vitest';
import { removeContainer } from './remove-container.ts';
import { Stack } from './stack.ts';

const docker = new Docker();
const stack = new Stack(inject('project'));

async function startIdle(): Promise<Docker.Container> {
  const { Config } = await stack.container('relay').inspect();
  const idle = ['/usr/local/bin/node', '--eval', 'setInterval(() => {}, 1e6)'];
  const container = await docker.createContainer({
    Image: Config.Image,
    Entrypoint: idle,
    HostConfig: { NetworkMode: 'none', AutoRemove: true },
  });
  await container.start();
  return container;
}

describe('removing a container', () => {
  it('ends well when the engine removes the container at the same moment', async () => {
    const container = await startIdle();
    await Promise.all([container.kill(), removeContainer(container), removeContainer(container)]);
    await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
    await removeContainer(container);
  });

  it('control: the engine refuses the second of two removals', async () => {
    const container = await startIdle();
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => container.remove({ force: true })));
    expect(outcomes.some(({ status }) => status === 'rejected')).toBe(true);
    await removeContainer(container);
  });
});
