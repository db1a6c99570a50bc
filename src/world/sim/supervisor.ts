import type { Dice } from './dice.ts';
import { repeat } from './episodes.ts';
import type { FaultSwitch } from './faults.ts';
import type { SimProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';

const RESTART_MAX_MS = 500;

export interface SupervisorContext {
  readonly scheduler: Scheduler;
  readonly faults: FaultSwitch;
  readonly dice: Dice;
  spawn(): SimProcess;
  powerCut(): void;
}

/** Keeps one process of a machine alive through kills, as systemd does, and brings the plan's kills and stops about. */
export class Supervisor {
  readonly #context: SupervisorContext;
  readonly #strikes: Dice;
  readonly #restarts: Dice;
  #process: SimProcess;
  #stopped = false;
  /** Kills and power cuts so far. */
  deaths = 0;

  constructor(context: SupervisorContext) {
    this.#context = context;
    this.#strikes = context.dice.fork('strikes');
    this.#restarts = context.dice.fork('restarts');
    this.#process = this.#start();
    const pauses = context.dice.fork('pauses');
    const plan = context.faults.plan.process;
    repeat(context, pauses, plan.pauseEveryMs, () => {
      const paused = this.#process;
      paused.pause();
      context.scheduler.after(pauses.unit() * plan.pauseMaxMs, () => paused.resume());
    });
  }

  /** The process that runs now, or ran last. */
  get process(): SimProcess {
    return this.#process;
  }

  /** No more restarts. */
  stop(): void {
    this.#stopped = true;
  }

  #start(): SimProcess {
    const { scheduler, faults } = this.#context;
    const process = this.#context.spawn();
    this.#arm(process);
    process.onEnd((how) => {
      if (how === 'exit') return;
      this.deaths += 1;
      if (this.#stopped) return;
      const delayMs = faults.active ? this.#restarts.unit() * RESTART_MAX_MS : 1;
      scheduler.after(delayMs, () => {
        if (!this.#stopped) this.#process = this.#start();
      });
    });
    return process;
  }

  #arm(process: SimProcess): void {
    const { killMeanOperations, powerCutShare } = this.#context.faults.plan.process;
    if (killMeanOperations <= 0) return;
    const power = this.#strikes.chance(powerCutShare);
    process.strikeAt(1 + Math.floor(this.#strikes.exponential(killMeanOperations)), {
      wanted: () => this.#context.faults.active,
      run: () => (power ? this.#context.powerCut() : process.kill()),
    });
  }
}
