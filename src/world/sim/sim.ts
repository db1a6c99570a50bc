import { Dice } from './dice.ts';
import { afflictMachine, afflictNetwork } from './episodes.ts';
import { type FaultPlan, FaultSwitch, NO_FAULTS } from './faults.ts';
import { type MachineOptions, type Main, SimMachine } from './machine.ts';
import { Network } from './net/network.ts';
import type { Kernel, SimProcess } from './process.ts';
import { type RunLimits, type RunOutcome, Scheduler } from './scheduler.ts';
import { letGoOfSignals } from './signals.ts';
import { Trace } from './trace.ts';

/** What a run came to; on failure print all of it. */
export interface SimReport {
  readonly seed: number;
  readonly outcome: RunOutcome;
  /** Equal for equal histories. */
  readonly traceHash: string;
  readonly events: number;
  readonly operations: number;
  readonly virtualMs: number;
  /** The last things that happened, oldest first. */
  readonly tail: readonly string[];
}

export const DEFAULT_LIMITS: RunLimits = { maxEvents: 1_000_000, maxVirtualMs: 3_600_000 };

/**
 * A seeded world of machines, processes and a network, in one thread and in virtual time. The same seed, plan and
 * program give the same history, seen in {@link traceHash}.
 */
export class Sim {
  readonly seed: number;
  readonly faults: FaultSwitch;
  readonly net: Network;
  readonly #kernel: Kernel;
  readonly #dice: Dice;
  readonly #machines = new Map<string, SimMachine>();
  #lastPid = 1000;

  constructor(seed: number, plan: FaultPlan = NO_FAULTS) {
    letGoOfSignals();
    this.seed = seed;
    this.#dice = Dice.fromSeed(seed);
    this.faults = new FaultSwitch(plan);
    const scheduler = new Scheduler(this.#dice.fork('ties'));
    this.#kernel = { scheduler, trace: new Trace() };
    this.net = new Network({ ...this.#kernel, faults: this.faults, dice: this.#dice });
    this.faults.onStop(() => {
      for (const process of this.processes) process.resume();
    });
    afflictNetwork({ scheduler, faults: this.faults }, this.net, this.#dice.fork('network episodes'));
  }

  get nowMs(): number {
    return this.#kernel.scheduler.nowMs;
  }

  get traceHash(): string {
    return this.#kernel.trace.hash;
  }

  /** The machine with that name, made at its first mention. */
  machine(name: string, options?: MachineOptions): SimMachine {
    const existing = this.#machines.get(name);
    if (existing) return existing;
    const context = {
      kernel: this.#kernel,
      faults: this.faults,
      network: this.net,
      dice: this.#dice.fork(`machine ${name}`),
      nextPid: () => {
        this.#lastPid += 1;
        return this.#lastPid;
      },
    };
    const machine = new SimMachine(name, context, options);
    this.#machines.set(name, machine);
    const episodes = { scheduler: this.#kernel.scheduler, faults: this.faults };
    afflictMachine(episodes, machine, this.#dice.fork(`episodes ${name}`));
    return machine;
  }

  /** Lets things happen until `done()` holds. Throws what a watcher threw. */
  async runUntil(done: () => boolean, limits: Partial<RunLimits> = {}): Promise<SimReport> {
    const outcome = await this.#kernel.scheduler.runUntil(done, { ...DEFAULT_LIMITS, ...limits });
    return this.report(outcome);
  }

  /** Lets `virtualMs` pass. */
  async advance(virtualMs: number): Promise<void> {
    let over = false;
    this.#kernel.scheduler.after(virtualMs, () => {
      over = true;
    });
    await this.runUntil(() => over, { maxVirtualMs: virtualMs + 1 });
  }

  /** Runs `main` as a process of the machine to its end; throws what it threw, or an Error where it is killed or does not end. */
  async run(machine: SimMachine, main: Main, limits: Partial<RunLimits> = {}): Promise<void> {
    const process = machine.spawn('main', main);
    const report = await this.runUntil(() => !process.running, limits);
    if (process.state === 'failed') throw process.failure;
    if (process.state === 'killed') throw new Error('the process was killed');
    if (process.state === 'running') {
      throw new Error(`the process did not end: ${report.outcome}\n${report.tail.join('\n')}`);
    }
  }

  /** Calls `act` after `delayMs` of virtual time, between two events. */
  after(delayMs: number, act: () => void): void {
    this.#kernel.scheduler.after(delayMs, act);
  }

  /** Kills a process, or cuts the power of its machine, exactly at its n-th operation on the world; that operation may still have its effect. */
  killAtOperation(process: SimProcess, operation: number, how: 'kill' | 'power' = 'kill'): void {
    const machine = this.machine(process.hostName);
    process.strikeAt(operation, {
      wanted: () => true,
      run: () => (how === 'power' ? machine.powerCut() : process.kill()),
    });
  }

  /** Every process so far. */
  get processes(): SimProcess[] {
    return [...this.#machines.values()].flatMap((machine) => machine.processes);
  }

  /** What processes still held when they ended by themselves: one line for each handle, socket and timer. */
  leaks(): string[] {
    return this.processes.flatMap((process) =>
      process.leaks.map((leak) => `${process.hostName}/${process.name}: ${leak}`),
    );
  }

  /** Ends the run with `error`: for checkers that find something outside of a watcher. */
  violate(error: unknown): void {
    this.#kernel.scheduler.violate(error);
  }

  report(outcome: RunOutcome): SimReport {
    const { scheduler, trace } = this.#kernel;
    return {
      seed: this.seed,
      outcome,
      traceHash: trace.hash,
      events: scheduler.events,
      operations: trace.count,
      virtualMs: scheduler.nowMs,
      tail: trace.tail(),
    };
  }
}
