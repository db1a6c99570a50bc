import { Dice } from './dice.ts';

/** Rates are probabilities per operation in [0, 1]; `…EveryMs` is a mean distance in virtual time; 0 switches a fault off. */
export interface DiskFaults {
  /** An operation takes time, mostly a little, at most `latencyMaxMs`. Not a fault: stays on when faults stop. */
  readonly latencyRate: number;
  readonly latencyMaxMs: number;
  /** An operation takes 50 ms to 3 s. */
  readonly slowRate: number;
  readonly readErrorRate: number;
  readonly writeErrorRate: number;
  /** CW_DISK_IO from a flush. The pages count as clean from then on but are not stable, as on Linux. */
  readonly syncErrorRate: number;
  /** CW_DISK_IO from open, create, rename, remove and their like. */
  readonly metadataErrorRate: number;
  readonly shortReadRate: number;
  readonly shortWriteRate: number;
  /** One bit of what a read gives is wrong; the stored bytes are right. */
  readonly readFlipRate: number;
  /** One bit of what a write stores is wrong. */
  readonly storedFlipRate: number;
  /** The disk is full for up to `fullMaxMs`. */
  readonly fullEveryMs: number;
  readonly fullMaxMs: number;
  /** Reads, writes or flushes do not complete for up to `freezeMaxMs`. */
  readonly freezeEveryMs: number;
  readonly freezeMaxMs: number;
  /** `Dir.syncFileSystem` gives false: every file must be flushed alone. Not a fault: stays. */
  readonly noSyncFileSystem: boolean;
}

/** Rates per segment on the way, except where said. */
export interface NetFaults {
  /** Not a fault: stays on when faults stop, as do `splitRate` and `bytesPerMs`. */
  readonly latencyRate: number;
  readonly latencyMaxMs: number;
  /** Bytes arrive in pieces of any size, and reads give fewer bytes than there are. */
  readonly splitRate: number;
  /** 0: no limit. */
  readonly bytesPerMs: number;
  /** A segment and all behind it wait for up to `stallMaxMs`. */
  readonly stallRate: number;
  readonly stallMaxMs: number;
  readonly cutRate: number;
  readonly flipRate: number;
  /** Of attempts to connect. */
  readonly refuseRate: number;
  /** All packets between two machines vanish for up to `halfDeadMaxMs`. */
  readonly halfDeadEveryMs: number;
  readonly halfDeadMaxMs: number;
}

export interface ProcessFaults {
  /** Mean number of operations after which a supervised process is killed. */
  readonly killMeanOperations: number;
  /** Of these kills, how many are power cuts of its machine. */
  readonly powerCutShare: number;
  /** A supervised process stops (SIGSTOP) for up to `pauseMaxMs`. */
  readonly pauseEveryMs: number;
  readonly pauseMaxMs: number;
  /** The wall clock of a machine jumps by up to an hour either way. */
  readonly wallJumpEveryMs: number;
}

export interface FaultPlan {
  readonly disk: DiskFaults;
  readonly net: NetFaults;
  readonly process: ProcessFaults;
}

export const NO_DISK_FAULTS: DiskFaults = {
  latencyRate: 0,
  latencyMaxMs: 0,
  slowRate: 0,
  readErrorRate: 0,
  writeErrorRate: 0,
  syncErrorRate: 0,
  metadataErrorRate: 0,
  shortReadRate: 0,
  shortWriteRate: 0,
  readFlipRate: 0,
  storedFlipRate: 0,
  fullEveryMs: 0,
  fullMaxMs: 0,
  freezeEveryMs: 0,
  freezeMaxMs: 0,
  noSyncFileSystem: false,
};

export const NO_NET_FAULTS: NetFaults = {
  latencyRate: 0,
  latencyMaxMs: 0,
  splitRate: 0,
  bytesPerMs: 0,
  stallRate: 0,
  stallMaxMs: 0,
  cutRate: 0,
  flipRate: 0,
  refuseRate: 0,
  halfDeadEveryMs: 0,
  halfDeadMaxMs: 0,
};

export const NO_PROCESS_FAULTS: ProcessFaults = {
  killMeanOperations: 0,
  powerCutShare: 0,
  pauseEveryMs: 0,
  pauseMaxMs: 0,
  wallJumpEveryMs: 0,
};

export const NO_FAULTS: FaultPlan = {
  disk: NO_DISK_FAULTS,
  net: NO_NET_FAULTS,
  process: NO_PROCESS_FAULTS,
};

/** A fault by its place in the plan, for example `disk.readErrorRate`. */
export type FaultName = {
  [Group in keyof FaultPlan]: `${Group}.${keyof FaultPlan[Group] & string}`;
}[keyof FaultPlan];

/**
 * The plan of a seed: every kind of fault is on in about half of the seeds, at a rate drawn for the seed, since a
 * fault that is always there hides what happens without it (Groce et al., Swarm Testing, 2012). Those named in
 * `without` are off and all others as before, to find which of them a failure needs.
 */
export function swarm(seed: number, without: readonly FaultName[] = []): FaultPlan {
  const dice = Dice.fromSeed(seed).fork('fault plan');
  const rate = (name: FaultName, max: number): number => {
    const own = dice.fork(name);
    const value = own.chance(0.5) ? max * (0.1 + 0.9 * own.unit()) : 0;
    return without.includes(name) ? 0 : value;
  };
  const every = (name: FaultName, minMs: number, maxMs: number): number => {
    const own = dice.fork(name);
    const value = own.chance(0.5) ? minMs + own.unit() * (maxMs - minMs) : 0;
    return without.includes(name) ? 0 : value;
  };
  return {
    disk: {
      latencyRate: rate('disk.latencyRate', 0.3),
      latencyMaxMs: 5,
      slowRate: rate('disk.slowRate', 0.002),
      readErrorRate: rate('disk.readErrorRate', 0.004),
      writeErrorRate: rate('disk.writeErrorRate', 0.004),
      syncErrorRate: rate('disk.syncErrorRate', 0.01),
      metadataErrorRate: rate('disk.metadataErrorRate', 0.002),
      shortReadRate: rate('disk.shortReadRate', 0.2),
      shortWriteRate: rate('disk.shortWriteRate', 0.2),
      readFlipRate: rate('disk.readFlipRate', 0.005),
      storedFlipRate: rate('disk.storedFlipRate', 0.005),
      fullEveryMs: every('disk.fullEveryMs', 500, 10_000),
      fullMaxMs: 2_000,
      freezeEveryMs: every('disk.freezeEveryMs', 500, 10_000),
      freezeMaxMs: 15_000,
      noSyncFileSystem: rate('disk.noSyncFileSystem', 1) > 0,
    },
    net: {
      latencyRate: rate('net.latencyRate', 1),
      latencyMaxMs: 40,
      splitRate: rate('net.splitRate', 0.3),
      bytesPerMs: rate('net.bytesPerMs', 1) > 0 ? 10_000 : 0,
      stallRate: rate('net.stallRate', 0.005),
      stallMaxMs: 15_000,
      cutRate: rate('net.cutRate', 0.01),
      flipRate: rate('net.flipRate', 0.005),
      refuseRate: rate('net.refuseRate', 0.3),
      halfDeadEveryMs: every('net.halfDeadEveryMs', 1_000, 20_000),
      halfDeadMaxMs: 10_000,
    },
    process: {
      killMeanOperations: every('process.killMeanOperations', 50, 1_500),
      powerCutShare: rate('process.powerCutShare', 0.6),
      pauseEveryMs: every('process.pauseEveryMs', 1_000, 20_000),
      pauseMaxMs: 8_000,
      wallJumpEveryMs: every('process.wallJumpEveryMs', 1_000, 20_000),
    },
  };
}

/** Whether faults still happen, and what ends those that last. */
export class FaultSwitch {
  readonly plan: FaultPlan;
  readonly #healers: (() => void)[] = [];
  #active = true;

  constructor(plan: FaultPlan) {
    this.plan = plan;
  }

  get active(): boolean {
    return this.#active;
  }

  /** Registers what {@link stop} does to end a lasting fault. */
  onStop(heal: () => void): void {
    this.#healers.push(heal);
  }

  /** Ends all faults and heals everything that is frozen, stalled, cut off, full or stopped. Latencies and splits stay. */
  stop(): void {
    if (!this.#active) return;
    this.#active = false;
    for (const heal of this.#healers) heal();
  }
}
