// The health check: exit 0 if and only if the relay answers a ping on admin.sock. Prints nothing.

import { connect } from 'node:net';
import { decodeAdminReply, encodeAdminRequest } from '@sotto/protocol';
import { parseAdminSocket } from './config.ts';
import { HEALTH_TIMEOUT_MS } from './limits.ts';

/** @returns whether the relay behind this admin socket answers in time. */
export function isHealthy(adminSocket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(adminSocket);
    const finish = (healthy: boolean): void => {
      socket.destroy();
      resolve(healthy);
    };
    socket.setTimeout(HEALTH_TIMEOUT_MS, () => finish(false));
    socket.on('error', () => finish(false));
    socket.on('end', () => finish(false));
    socket.on('connect', () => socket.write(encodeAdminRequest({ operation: 'ping' })));
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      if (!text.includes('\n')) return;
      const reply = decodeAdminReply(text);
      finish(reply.ok && reply.value.ok);
    });
  });
}

if (import.meta.main) {
  const adminSocket = parseAdminSocket(process.env);
  process.exitCode = adminSocket !== undefined && (await isHealthy(adminSocket)) ? 0 : 1;
}
