// Whether another thread of this process is running: the kernel may have given it a signal that the
// main thread has not heard of.

import { readFileSync, readdirSync } from 'node:fs';

const THREADS = '/proc/self/task';

/** False also where the system does not say it: without Linux' /proc. */
export function otherThreadRuns(): boolean {
  return threads().some((thread) => thread !== String(process.pid) && isRunning(thread));
}

function threads(): string[] {
  try {
    return readdirSync(THREADS);
  } catch {
    return [];
  }
}

/** The state is behind the name, which may itself have brackets (proc_pid_stat(5)). */
function isRunning(thread: string): boolean {
  try {
    const stat = readFileSync(`${THREADS}/${thread}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')')).startsWith(') R');
  } catch {
    return false; // It has ended, and so has its signal's handler.
  }
}
