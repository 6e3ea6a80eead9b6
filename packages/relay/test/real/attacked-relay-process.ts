// The relay in a process of its own, as its image runs it but for the store, so that what it holds
// and how late it is can be measured from outside.

import { MemoryRoomStore, RedisRoomStore, startRelay } from '../../src/index.ts';

const [relayPath = '', adminPath = '', host, port] = process.argv.slice(2);
const relay = await startRelay({
  listen: { path: relayPath },
  admin: { path: adminPath },
  store: host === undefined ? new MemoryRoomStore() : new RedisRoomStore({ host, port: Number(port) }),
});
process.once('SIGTERM', () => void relay.close().then(() => process.exit(0)));
process.send?.('listening');
