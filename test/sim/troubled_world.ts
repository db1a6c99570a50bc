import type { Clock } from '../../src/world/clock.ts';
import type { Disk } from '../../src/world/disk.ts';
import type { Conn, LineFigures, Net } from '../../src/world/net.ts';
import type { Offload } from '../../src/world/offload.ts';
import type { Processes } from '../../src/world/process.ts';
import type { World } from '../../src/world/world.ts';
import { type GatedOperation, type GateOrders, gatedDisk } from '../fixtures/disk_gate.ts';

/** What weighs on one machine; change it at any time. Shares are of the time since the start, 0 to 1. */
export interface Trouble {
  disk: GateOrders;
  /** Each piece of work that hashes takes so much longer. */
  hashMs: number;
  /** Free space of every disk; null for what it is. */
  freeBytes: number | null;
  mainThreadShare: number;
  cpuShare: number;
  cpuWaitShare: number;
  memoryWaitShare: number;
  queuedShare: number;
  /** What the transport tells of each connection. */
  line: Partial<LineFigures> | null;
  /** Connections pass pieces of at most this size. */
  pieceBytes: number;
}

export function noTrouble(): Trouble {
  const shares = {
    mainThreadShare: 0.1,
    cpuShare: 0.2,
    cpuWaitShare: 0.02,
    memoryWaitShare: 0,
    queuedShare: 0,
  };
  return { disk: {}, hashMs: 0, freeBytes: null, line: null, pieceBytes: 64 * 1024, ...shares };
}

const POLL_MS = 50;

/** A world on which the trouble weighs. Connections are secured before they are cut into pieces. */
export function troubledWorld(world: World, trouble: Trouble): World {
  return {
    ...world,
    disk: troubledDisk(world.disk, world.clock, trouble),
    net: troubledNet(world.net, trouble, world.clock),
    offload: troubledOffload(world.offload, world.clock, trouble),
    process: troubledProcess(world, trouble),
  };
}

function troubledDisk(inner: Disk, clock: Clock, trouble: Trouble): Disk {
  const gate = {
    pass: async (operation: GatedOperation) => {
      const order = trouble.disk[operation];
      if (order === undefined) return;
      if (order !== 'frozen') await clock.sleep(order);
      while (trouble.disk[operation] === 'frozen') await clock.sleep(POLL_MS);
    },
    piece: (bytes: Uint8Array) => bytes.subarray(0, trouble.disk.pieceBytes ?? bytes.byteLength),
    free: (freeBytes: number) => trouble.freeBytes ?? freeBytes,
  };
  return gatedDisk(inner, gate);
}

function troubledOffload(inner: Offload, clock: Clock, trouble: Trouble): Offload {
  return {
    run: async (job, args, onMoved) => {
      const result = await inner.run(job, args, onMoved);
      const { hashMs } = trouble;
      if (hashMs === 0 || typeof result !== 'object' || result === null || !('hashMs' in result))
        return result;
      await clock.sleep(hashMs);
      return { ...result, hashMs: Number(result.hashMs) + hashMs };
    },
  };
}

function troubledProcess({ process, clock }: World, trouble: Trouble): Processes {
  const of = (share: number) => Math.floor(share * clock.monotonicMs());
  return {
    info: process.info,
    isAlive: (pid) => process.isAlive(pid),
    usage: () => ({
      ...process.usage(),
      cpuMs: of(trouble.cpuShare),
      mainThreadMs: of(trouble.mainThreadShare),
    }),
    strain: () => ({
      cpuWaitMs: of(trouble.cpuWaitShare),
      ioWaitMs: 0,
      memoryWaitMs: of(trouble.memoryWaitShare),
      queuedMs: of(trouble.queuedShare),
      stuckThreads: 0,
    }),
    memory: () => process.memory(),
    runtime: () => process.runtime(),
  };
}

function troubledNet(inner: Net, trouble: Trouble, clock: Clock): Net {
  return {
    dial: (endpoint, options) => inner.dial(endpoint, options),
    listen: (endpoint) => inner.listen(endpoint),
    secure: async (conn, options) => new PiecewiseConn(await inner.secure(conn, options), trouble, clock),
  };
}

const A_SECOND_MS = 1_000;

class PiecewiseConn implements Conn {
  readonly peer: Conn['peer'];
  readonly #inner: Conn;
  readonly #trouble: Trouble;
  readonly #clock: Clock;

  constructor(inner: Conn, trouble: Trouble, clock: Clock) {
    this.#inner = inner;
    this.#trouble = trouble;
    this.#clock = clock;
    this.peer = inner.peer;
  }

  read(into: Uint8Array, minBytes: number): Promise<number> {
    return this.#inner.read(into, minBytes);
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(parts);
    const { pieceBytes } = this.#trouble;
    for (let at = 0; at < bytes.byteLength; at += pieceBytes)
      await this.#inner.write([bytes.subarray(at, at + pieceBytes)]);
  }

  /** Sums rise with the time: `…Segments` and `…Ms` are given for each second. */
  line(): LineFigures | null {
    const { line } = this.#trouble;
    if (line === null) return null;
    const seconds = this.#clock.monotonicMs() / A_SECOND_MS;
    const { roundTripUs = 500, unackedBytes = 0, peerWindowBytes = 4 * 1024 * 1024 } = line;
    return {
      roundTripUs,
      unackedBytes,
      peerWindowBytes,
      sentSegments: Math.floor((line.sentSegments ?? 100) * seconds),
      resentSegments: Math.floor((line.resentSegments ?? 0) * seconds),
      busyMs: Math.floor((line.busyMs ?? 1_000) * seconds),
      peerLimitedMs: Math.floor((line.peerLimitedMs ?? 0) * seconds),
    };
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
