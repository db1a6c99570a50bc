/** What is between the clients and the servers: loopback, or a slow and lossy link into a network namespace (Linux, root). */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Unavailable } from './server.ts';
import { findTool } from './tools.ts';

export interface LinkShape {
  readonly rateMbitPerSecond: number;
  /** Share of the packets that are dropped, in each direction; 0 … 1. */
  readonly loss: number;
}

export interface Network {
  /** Where servers listen. */
  readonly host: string;
  /** The command that runs where the servers are. */
  enter(argv: readonly string[]): string[];
  /** Bytes that have passed between the two sides, both directions, with all headers. */
  wireBytes(): number;
  dispose(): void;
}

function received(interfaceName: string): number {
  for (const line of readFileSync('/proc/net/dev', 'latin1').split('\n')) {
    const [name = '', rest = ''] = line.split(':');
    if (name.trim() === interfaceName) return Number(rest.trim().split(/\s+/)[0]);
  }
  return 0;
}

export const LOOPBACK: Network = {
  host: '127.0.0.1',
  enter: (argv) => [...argv],
  // What one end sends over it the other receives: counted once for each direction.
  wireBytes: () => received('lo'),
  dispose: () => undefined,
};

function sent(interfaceName: string): number {
  const path = `/sys/class/net/${interfaceName}/statistics/tx_bytes`;
  return Number(readFileSync(path, 'latin1'));
}

const SUBNET = '10.213.77';

/** @throws Unavailable without root, ip, tc or iptables. */
export function shapedNetwork({ rateMbitPerSecond, loss }: LinkShape): Network {
  if (process.getuid?.() !== 0) throw new Unavailable('a shaped link needs root');
  const ip = findTool('ip', 'iproute2');
  const tc = findTool('tc', 'iproute2');
  const name = `cwbench${process.pid}`;
  const near = `cwb${process.pid}a`;
  const far = `cwb${process.pid}b`;
  const host = `${SUBNET}.2`;
  const run = (program: string, text: string) => {
    try {
      execFileSync(program, text.split(' '), { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      throw new Unavailable(`\`${program} ${text}\`: ${(error as Error).message}`);
    }
  };
  const shape = `root tbf rate ${rateMbitPerSecond}mbit burst 64k latency 50ms`;
  const dispose = () => {
    for (const words of [
      ['netns', 'del', name],
      ['link', 'del', near],
    ]) {
      try {
        execFileSync(ip, words, { stdio: 'ignore' });
      } catch {
        // It goes with the namespace, or was not made.
      }
    }
  };
  try {
    run(ip, `netns add ${name}`);
    run(ip, `link add ${near} type veth peer name ${far} netns ${name}`);
    run(ip, `addr add ${SUBNET}.1/30 dev ${near}`);
    run(ip, `link set ${near} up`);
    run(ip, `-n ${name} addr add ${host}/30 dev ${far}`);
    run(ip, `-n ${name} link set ${far} up`);
    run(ip, `-n ${name} link set lo up`);
    run(tc, `qdisc add dev ${near} ${shape}`);
    run(tc, `-n ${name} qdisc add dev ${far} ${shape}`);
    if (loss > 0) {
      const iptables = findTool('iptables', 'iptables');
      const drop = `-m statistic --mode random --probability ${loss} -j DROP`;
      for (const chain of ['INPUT', 'OUTPUT']) run(ip, `netns exec ${name} ${iptables} -A ${chain} ${drop}`);
    }
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    host,
    enter: (argv) => [ip, 'netns', 'exec', name, ...argv],
    wireBytes: () => received(near) + sent(near),
    dispose,
  };
}
