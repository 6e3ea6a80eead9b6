// The process of one tree in `npm run bench -- commit`. It measures a round when it is asked to, so
// that two trees can be measured in alternation.

import { bytesOf, CommitRoom } from './rooms.ts';
import { RelayProcess, serveRelay, socketsIn } from './relay.ts';
import type { Round, RoundOrder } from './messages.ts';

/** Answers each order with a round. Arguments: a folder for sockets, and the sizes of the rooms. */
async function drive(folder: string, sizes: readonly number[]): Promise<void> {
  process.on('disconnect', () => process.exit());
  const relay = await RelayProcess.start(import.meta.filename, folder);
  const rooms = new Map<number, CommitRoom>();
  for (const members of sizes) rooms.set(members, await CommitRoom.open(members));
  const measure = async ({ members }: RoundOrder): Promise<Round> => {
    const room = rooms.get(members);
    if (room === undefined) throw new Error(`no room of ${members}`);
    const { upload, cpu } = await room.measure();
    const { relay: spent, downstream } = await relay.measure(upload, members);
    return { cpu: { ...cpu, relay: spent }, bytes: { ...bytesOf(upload), downstream } };
  };
  process.on('message', (order: RoundOrder) => void measure(order).then((round) => process.send?.(round)));
  process.send?.('ready');
}

const [what, folder = '', sizes = ''] = process.argv.slice(2);
if (what === '--serve') await serveRelay(socketsIn(folder));
if (what === '--drive') await drive(folder, sizes.split(',').map(Number));
