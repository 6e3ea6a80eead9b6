// A relay in its own process, a room of honest members, and attackers in a third process; all of it
// goes away with the test.

import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import type { TestHost } from '@sotto/fixtures/relay-host';
import type { TestMember, TestRoom } from '@sotto/fixtures/relay-member';
import { connectUsers } from '../relay-fixture.ts';
import type { RoomKey } from './attacker.ts';

export type Attack =
  | 'frame flood'
  | 'slow readers'
  | 'catch-ups'
  | 'unheard answers'
  | 'slowloris'
  | 'silence'
  | 'connection flood'
  | 'uploads';

interface AttackOptions {
  /** The commit number that the rooms have. */
  readonly commitNumber?: number;
  /**
   * `low` by default: what the attackers compute themselves is not to take the processor from the
   * relay and the members.
   */
  readonly priority?: 'low' | 'normal';
}

export interface AttackedRelay {
  /** The path of its socket. */
  readonly path: string;
  readonly host: TestHost;
  member(): TestMember;
  room(): Promise<TestRoom>;
  join(room: TestRoom): Promise<TestMember>;
  /** Resolves when the attack runs. @returns what ends it. */
  attack(attack: Attack, rooms: readonly TestRoom[], options?: AttackOptions): Promise<() => Promise<void>>;
  /** Bytes of memory that the relay's process has now, and had at most. */
  memory(): { readonly now: number; readonly peak: number };
}

/** The options with which the image runs Node. */
function imageOptions(): string[] {
  const text = readFileSync(new URL('../../../../Dockerfile.relay', import.meta.url), 'utf8');
  const line = text.split('\n').find((each) => each.startsWith('ENTRYPOINT') && each.includes('@sotto/relay'));
  return (JSON.parse(line?.slice('ENTRYPOINT'.length) ?? '[]') as string[]).filter((word) => word.startsWith('--'));
}

/** Without a Redis the relay has its store in its own memory. */
export async function openAttackedRelay(
  program = 'attacked-relay-process.ts',
  redis?: { readonly host: string; readonly port: number },
): Promise<AttackedRelay> {
  const directory = await mkdtemp(join(tmpdir(), 'sotto-attack-'));
  const [path, admin] = [join(directory, 'relay.sock'), join(directory, 'admin.sock')];
  const place = redis === undefined ? [] : [redis.host, String(redis.port)];
  const child = start(program, [path, admin, ...place], imageOptions());
  await once(child, 'message');
  const { host, member, room, join: enter, leave } = connectUsers({ address: { path }, adminAddress: { path: admin } });
  onTestFinished(async () => {
    await leave();
    await end(child);
    await rm(directory, { recursive: true });
  });
  return {
    path,
    host,
    member,
    room,
    join: enter,
    attack: async (attack, rooms, { commitNumber = 0, priority = 'low' } = {}) => {
      const keys = JSON.stringify(rooms.map(keyOf));
      const attackers = start('attack-process.ts', [path, keys, String(commitNumber)], []);
      onTestFinished(() => end(attackers));
      if (priority === 'low') setPriority(attackers.pid ?? 0, constants.priority.PRIORITY_LOW);
      await once(attackers, 'message');
      attackers.send({ attack });
      await once(attackers, 'message');
      return async () => {
        attackers.send('stop');
        if (attackers.exitCode === null) await once(attackers, 'exit');
      };
    },
    memory: () => memoryOf(child.pid),
  };
}

function start(program: string, parameters: readonly string[], options: readonly string[]): ChildProcess {
  const file = fileURLToPath(new URL(program, import.meta.url));
  return fork(file, parameters, { execArgv: [...options], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function keyOf({ roomId, roomTag, privateKey }: TestRoom): RoomKey {
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
  return { roomId: base64(roomId), roomTag: base64(roomTag), privateKey: base64(pkcs8) };
}

/** proc_pid_status(5): VmRSS and VmHWM are in kibibytes. */
function memoryOf(pid: number | undefined): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid ?? 0}/status`, 'utf8');
  const read = (name: string): number => 1_024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
  return { now: read('VmRSS'), peak: read('VmHWM') };
}
