// Says PING to a Redis at any moment, in a process of its own, so that nothing that the test
// computes counts as Redis' time.

import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Without a pause, one PING that waits for as long as a thousand others would count as one. */
const PAUSE_MS_MAX = 5;

const [host = '', port = ''] = process.argv.slice(2);
const socket = connect(Number(port), host);
socket.setNoDelay(true);
await once(socket, 'connect');

let phase = '';
let waits: number[] = [];
process.on('message', (next: string) => {
  // What is said to be over is told: how long each PING has waited, in microseconds.
  process.send?.({ phase, waits });
  phase = next;
  waits = [];
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');

for (;;) {
  await pause(Math.random() * PAUSE_MS_MAX);
  const [asked, during] = [performance.now(), phase];
  socket.write('PING\r\n');
  await once(socket, 'data');
  // One that was asked before a phase and answered in it belongs to neither.
  if (during === phase) waits.push((performance.now() - asked) * 1_000);
}
