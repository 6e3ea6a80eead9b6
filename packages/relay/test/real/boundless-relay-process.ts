// A relay that bounds nothing, for the control: it answers whatever it reads and keeps what nobody
// fetches.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { encodeAttached, encodeChallenge, encodeFrame, FrameSplitter, HEADER_BYTES } from '@sotto/protocol';

const [relayPath = '', adminPath = ''] = process.argv.slice(2);

const members = createServer((socket) => {
  const splitter = new FrameSplitter();
  let isAttached = false;
  let next = 1;
  socket.on('error', () => undefined);
  socket.write(encodeChallenge(new Uint8Array(randomBytes(32))));
  socket.on('data', (chunk: Buffer) => {
    const frames = splitter.push(chunk);
    if (!frames.ok) return;
    const answers: Uint8Array[] = [];
    for (const frame of frames.value) {
      if (isAttached) {
        answers.push(encodeFrame({ operation: 'entry', number: next, body: frame.subarray(HEADER_BYTES) }));
        next += 1;
      } else answers.push(encodeAttached({ commitNumber: 0, oldest: 1, next: 1, patienceSeconds: 86_400 }));
      isAttached = true;
    }
    if (answers.length > 0) socket.write(Buffer.concat(answers));
  });
});
const admin = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.on('data', () => socket.write('{"ok":true}\n'));
});
members.listen(relayPath, () => admin.listen(adminPath, () => process.send?.('listening')));
