// The faults of a talking room, and the clients that keep trying to send.

import { setTimeout as delay } from 'node:timers/promises';
import type { RoomClient } from '../../scripts/room-client.ts';
import { docker, dockerAsync, LAB_IMAGE, LAB_LABEL } from './lab-container.ts';

/** How long there is attempted sending after each fault; the figure. */
export const TRY_MS = 60_000;
const SEND_EVERY_MS = 250;
const NOTICE_LIMIT_MS = 60_000;

/** All of them send, again and again, for `TRY_MS`. */
export async function keepTrying(clients: readonly RoomClient[], mark: string): Promise<void> {
  const untilMs = performance.now() + TRY_MS;
  for (let index = 0; performance.now() < untilMs; index += 1) {
    for (const client of clients) client.send(`${mark} ${index}`, `${mark}-${index}`);
    await delay(SEND_EVERY_MS);
  }
}

/** The client has said that it is offline, in line `since` or later, and has not joined again. */
export async function goesOffline(client: RoomClient, since: number): Promise<boolean> {
  await client.until((line) => line.type === 'state' && line['state'] === 'reconnecting', NOTICE_LIMIT_MS, since);
  const states = client.lines.filter((line) => line.type === 'state').map((line) => line['state']);
  return states.lastIndexOf('reconnecting') > states.lastIndexOf('joined');
}

export function cutFromNetwork(container: string, network: string): void {
  docker(['network', 'disconnect', '--force', network, container]);
}

/**
 * No name server answers in the container's namespace any more, and its connection is reset, so
 * that it has to ask for a name. The questions still cross loopback, where a capture sees them; a
 * new connection would get through.
 */
export async function breakNames(lab: string, container: string, client: RoomClient): Promise<void> {
  const since = client.lines.length;
  await nft(lab, container, [
    'add table ip broken',
    'add chain ip broken in { type filter hook input priority 0; }',
    'add rule ip broken in ip daddr 127.0.0.11 drop',
    'add chain ip broken out { type filter hook output priority 0; }',
    'add rule ip broken out tcp dport 9050 tcp flags & syn == 0 reject with tcp reset',
  ]);
  client.send('anybody?', 'reset');
  await client.until((line) => line.type === 'state' && line['state'] === 'reconnecting', NOTICE_LIMIT_MS, since);
  await nft(lab, container, ['flush chain ip broken out']);
}

export async function mendNames(lab: string, container: string): Promise<void> {
  await nft(lab, container, ['delete table ip broken']);
}

async function nft(lab: string, container: string, commands: readonly string[]): Promise<void> {
  const own = [
    '--rm',
    '-i',
    '--log-driver',
    'none',
    '--label',
    `${LAB_LABEL}=${lab}`,
    '--network',
    `container:${container}`,
  ];
  const args = ['run', ...own, '--cap-add', 'NET_ADMIN', '--entrypoint', 'nft', LAB_IMAGE, '-f', '-'];
  await dockerAsync(args, `${commands.join('\n')}\n`);
}
