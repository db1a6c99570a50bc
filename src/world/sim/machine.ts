import { NO_COMPRESSION } from '../compression.ts';
import { inlineOffload } from '../offload.ts';
import type { Processes } from '../process.ts';
import type { World } from '../world.ts';
import { MachineClock, SimClock } from './clock.ts';
import type { Dice } from './dice.ts';
import { MachineDisk } from './disk/machine-disk.ts';
import type { FaultSwitch } from './faults.ts';
import { SimIdentities } from './identities.ts';
import { SimNet } from './net/net.ts';
import type { Network } from './net/network.ts';
import { type Kernel, SimProcess } from './process.ts';
import { Supervisor } from './supervisor.ts';

/** What a process does; its end is the process's end. */
export type Main = (world: World) => Promise<void>;

export interface MachineOptions {
  readonly capacityBytes?: number;
  /** The user of all its processes; 0 passes permission checks. Default 1000. */
  readonly userId?: number;
  /** The fault plan flips no bit on this machine's disk: nobody can notice that a source was read wrong. */
  readonly truthfulDisk?: boolean;
}

export interface MachineContext {
  readonly kernel: Kernel;
  readonly faults: FaultSwitch;
  readonly network: Network;
  readonly dice: Dice;
  readonly nextPid: () => number;
}

const DEFAULT_USER_ID = 1000;

/** There from the start. */
const HOME_DIRECTORY = '/srv/home';
const MEMORY_BYTES = 1024 ** 3;

/** A simulated machine: a disk, a clock and a network name that survive its processes. */
export class SimMachine {
  readonly name: string;
  readonly disk: MachineDisk;
  readonly clock: MachineClock;
  readonly #context: MachineContext;
  readonly #userId: number;
  readonly #processes: SimProcess[] = [];

  constructor(name: string, context: MachineContext, options: MachineOptions = {}) {
    this.name = name;
    this.#context = context;
    this.#userId = options.userId ?? DEFAULT_USER_ID;
    this.clock = new MachineClock(context.kernel.scheduler);
    this.disk = new MachineDisk(
      {
        machineName: name,
        scheduler: context.kernel.scheduler,
        faults: context.faults,
        dice: context.dice.fork('disk'),
        wallMs: () => this.clock.wallMs(),
        userId: this.#userId,
        truthful: options.truthfulDisk ?? false,
      },
      options.capacityBytes,
    );
    this.disk.writeTree(HOME_DIRECTORY, {});
    context.network.addMachine(name);
  }

  /** All processes it ever had. */
  get processes(): readonly SimProcess[] {
    return this.#processes;
  }

  /** Starts a process; `main` begins when the simulation runs on. */
  spawn(name: string, main: Main): SimProcess {
    const { kernel, dice } = this.#context;
    const own = dice.fork(`process ${name}`);
    const process = new SimProcess(
      kernel,
      { pid: this.#context.nextPid(), name, hostName: this.name },
      own.fork('strikes'),
    );
    this.#processes.push(process);
    const world = this.#worldOf(process, own);
    kernel.scheduler.after(0, () => {
      if (!process.running) return;
      kernel.trace.note(kernel.scheduler.nowMs, 'start', process.pid, `${this.name}/${name}`);
      void run(process, main, world);
    });
    return process;
  }

  /** Starts a process, starts it again after every kill and power cut, and lets the fault plan kill and stop it. */
  supervise(name: string, main: Main): Supervisor {
    const { kernel, faults, dice } = this.#context;
    return new Supervisor({
      scheduler: kernel.scheduler,
      faults,
      dice: dice.fork(`supervisor ${name}`),
      spawn: () => this.spawn(name, main),
      powerCut: () => this.powerCut(),
    });
  }

  /**
   * The power fails: all processes are gone, their peers hear nothing, and what was not flushed is kept, lost or torn
   * by chance. The machine is up again at once, without processes.
   */
  powerCut(): void {
    for (const process of this.#processes) if (process.running) process.end('power', 'killed');
    this.disk.loseUnflushed();
    this.#context.network.powerCut(this.name);
  }

  #worldOf(process: SimProcess, dice: Dice): World {
    const clock = new SimClock(process, this.clock, dice.fork('timers'));
    return {
      clock,
      random: dice.fork('random'),
      disk: this.disk.open(process),
      net: new SimNet(process, this.#context.network),
      process: this.#processTable(process),
      identities: new SimIdentities(process, dice.fork('identities')),
      offload: inlineOffload(clock),
      compression: NO_COMPRESSION,
    };
  }

  #processTable(process: SimProcess): Processes {
    return {
      info: {
        pid: process.pid,
        userId: this.#userId,
        homeDirectory: HOME_DIRECTORY,
        hostName: this.name,
        platform: 'linux',
        cpuCount: 2,
        memoryBytes: MEMORY_BYTES,
      },
      usage: () => ({
        residentBytes: 64 * 1024 ** 2,
        peakResidentBytes: 64 * 1024 ** 2,
        cpuMs: process.operations,
        mainThreadMs: process.operations,
      }),
      strain: () => null,
      memory: () => ({ allowedBytes: MEMORY_BYTES, availableBytes: null, waitMs: null }),
      runtime: () => ({
        heapUsedBytes: 32 * 1024 ** 2,
        heapSizeBytes: 48 * 1024 ** 2,
        externalBytes: 0,
        openFiles: null,
        openFilesMax: null,
        lagMeanMs: 0,
        lagP99Ms: 0,
        collections: [],
      }),
      isAlive: (pid) => this.#processes.some((other) => other.pid === pid && other.running),
    };
  }
}

async function run(process: SimProcess, main: Main, world: World): Promise<void> {
  try {
    await main(world);
    process.end('exit', 'exited');
  } catch (failure) {
    process.end('exit', 'failed', failure);
  }
}
