// The health check of the gate's container: exit 0 if its socket answers a ping, 1 if not, and not a word in either case.

import { TorError } from './errors.ts';
import { connectGate } from './gate-client.ts';
import { readGateSocketPath } from './gate-environment.ts';
import { GATE_HEALTH_TIMEOUT_MS } from './limits.ts';

async function isHealthy(socketPath: string): Promise<boolean> {
  try {
    const client = await connectGate({ socketPath, timeoutMs: GATE_HEALTH_TIMEOUT_MS });
    await client.ping();
    client.close();
    return true;
  } catch (error) {
    if (!(error instanceof TorError)) throw error;
    return false;
  }
}

const socketPath = readGateSocketPath(process.env);
process.exitCode = socketPath !== undefined && (await isHealthy(socketPath)) ? 0 : 1;
