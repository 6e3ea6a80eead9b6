// Runs inside the probe's container and tries to get out. The doctor passes it as text; it prints
// one line of JSON, and ends.

import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

export interface ProbeTask {
  readonly tryMs: number;
  readonly outside: readonly string[];
  readonly gateways: readonly string[];
  /** Other containers on the network: one that answers shows that this probe can see an answer. */
  readonly neighbours: readonly { readonly host: string; readonly port: number }[];
}

export interface ProbeReport {
  readonly addresses: readonly string[];
  readonly loopback: boolean;
  readonly neighbour: boolean;
  readonly tried: number;
  readonly outside: readonly string[];
  readonly gateway: readonly string[];
}

/**
 * Ports that are often open. A refusal is an answer, too: one port of a machine is enough to see
 * it.
 */
const OUTSIDE_TCP_PORTS = [53, 80, 443];
const GATEWAY_TCP_PORTS = [22, 53, 80, 443, 2375, 8080];
const UDP_PORTS = [53, 123, 443];
/** A query for the root's name servers: RFC 1035 §4.1. */
const DNS_QUESTION = Buffer.from('0001010000010000000000000000020001', 'hex');

type Answer = 'connected' | 'refused' | 'answered' | undefined;
type Try = readonly [what: string, answer: Promise<Answer>];

/**
 * On a busy machine the limit may pass before an answer is read: answers that have arrived are read
 * first.
 */
function afterLimit(tryMs: number, call: () => void): NodeJS.Timeout {
  return setTimeout(() => setImmediate(() => setImmediate(call)), tryMs);
}

/** @returns connected or refused; undefined without an answer or a route. */
function tryTcp(host: string, port: number, tryMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (answer: Answer): void => {
      clearTimeout(limit);
      socket.destroy();
      resolve(answer);
    };
    const limit = afterLimit(tryMs, () => end(undefined));
    socket.once('connect', () => end('connected'));
    socket.once('error', (error) => end(isRefusal(error) ? 'refused' : undefined));
  });
}

function tryUdp(host: string, port: number, tryMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    let hasEnded = false;
    const end = (answer: Answer): void => {
      if (hasEnded) return;
      hasEnded = true;
      clearTimeout(limit);
      socket.close();
      resolve(answer);
    };
    const limit = afterLimit(tryMs, () => end(undefined));
    socket.once('message', () => end('answered'));
    socket.once('error', (error) => end(isRefusal(error) ? 'refused' : undefined));
    socket.connect(port, host, () =>
      socket.send(DNS_QUESTION, (error) => (error !== null ? end(undefined) : undefined)),
    );
  });
}

/**
 * "Unreachable" is the own kernel's word for no answer; a router that rejects with that word looks
 * the same.
 */
function isRefusal(error: Error): boolean {
  return ['ECONNREFUSED', 'ECONNRESET'].includes((error as NodeJS.ErrnoException).code ?? '');
}

async function answersOf(tries: readonly Try[]): Promise<string[]> {
  const answers = await Promise.all(tries.map(async ([what, answer]) => [what, await answer] as const));
  return answers.flatMap(([what, answer]) => (answer === undefined ? [] : [`${what} ${answer}`]));
}

function triesAt(hosts: readonly string[], tcpPorts: readonly number[], tryMs: number): Try[] {
  return hosts.flatMap((host) => [
    ...tcpPorts.map((port): Try => [`tcp ${host}:${port}`, tryTcp(host, port, tryMs)]),
    ...UDP_PORTS.map((port): Try => [`udp ${host}:${port}`, tryUdp(host, port, tryMs)]),
  ]);
}

/**
 * The same try at the probe's own listener: without an answer there, silence elsewhere means
 * nothing.
 */
function reachesItself(tryMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      void tryTcp('127.0.0.1', port, tryMs).then((answer) => {
        server.close();
        resolve(answer === 'connected');
      });
    });
  });
}

async function probe({ tryMs, outside, gateways, neighbours }: ProbeTask): Promise<ProbeReport> {
  const addresses = Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).filter(({ internal }) => !internal),
  );
  const others = gateways.filter((gateway) => !addresses.some(({ address }) => address === gateway));
  const [out, gateway] = [triesAt(outside, OUTSIDE_TCP_PORTS, tryMs), triesAt(others, GATEWAY_TCP_PORTS, tryMs)];
  const near = neighbours.map(({ host, port }): Try => [host, tryTcp(host, port, tryMs)]);
  return {
    addresses: addresses.map(({ address }) => address),
    loopback: await reachesItself(tryMs),
    neighbour: (await answersOf(near)).length > 0,
    tried: out.length + gateway.length,
    outside: await answersOf(out),
    gateway: await answersOf(gateway),
  };
}

const report = await probe(JSON.parse(process.argv.at(-1) ?? '') as ProbeTask);
process.stdout.write(`${JSON.stringify(report)}\n`);
