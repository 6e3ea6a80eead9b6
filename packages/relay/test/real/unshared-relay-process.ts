// The relay as in attacked-relay-process.ts, but every connection may say as much as it likes: for
// the control.

import { MemoryRoomStore, startRelay } from '../../src/index.ts';
import { BOUNDLESS } from '../boundless.ts';

const [relayPath = '', adminPath = ''] = process.argv.slice(2);
await startRelay({
  listen: { path: relayPath },
  admin: { path: adminPath },
  store: new MemoryRoomStore(),
  allowances: BOUNDLESS,
});
process.send?.('listening');
