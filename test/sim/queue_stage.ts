import type { JobView, StartJobRequest } from '../../src/contract/schemas.ts';
import type { JobManager } from '../../src/host/job_manager.ts';
import { MemoryJobStore } from '../../src/host/memory_job_store.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { NO_FAULTS } from '../../src/world/sim/faults.ts';
import type { SimMachine } from '../../src/world/sim/machine.ts';
import type { SimProcess } from '../../src/world/sim/process.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import { runSimAgent, runSimDaemon, type SimDaemon, SimKeys } from './queue_parties.ts';

/** A simulated daemon and its machines without faults but those a test brings about; links of a fixed rate. */
export class QueueStage {
  readonly sim: Sim;
  readonly host: SimMachine;
  readonly guests: readonly SimMachine[];
  readonly #keys = new SimKeys();
  readonly #disk = new MemoryJobStore();
  readonly #agents = new Map<string, SimProcess>();
  #process: SimProcess | null = null;
  #daemon: SimDaemon | null = null;

  constructor(guestCount: number, bytesPerMs: number) {
    this.sim = new Sim(1, { ...NO_FAULTS, net: { ...NO_FAULTS.net, bytesPerMs } });
    this.host = this.sim.machine('host');
    this.guests = Array.from({ length: guestCount }, (_, n) => this.sim.machine(`g${n}`));
    this.host.disk.writeTree('/data', {});
    for (const machine of [this.host, ...this.guests]) machine.disk.writeTree('/dst', {});
  }

  /** Starts the daemon and all agents. */
  async start(): Promise<void> {
    for (const { name } of this.guests) this.startAgent(name);
    await this.startDaemon();
  }

  startAgent(name: string): void {
    const machine = this.guests.find((guest) => guest.name === name)!;
    this.#agents.set(
      name,
      machine.spawn('agent', (world) => runSimAgent(world, this.#keys)),
    );
  }

  killAgent(name: string): void {
    this.#agents.get(name)!.kill();
  }

  async startDaemon(): Promise<void> {
    const guests = this.guests.map(({ name }) => name);
    const [keys, disk] = [this.#keys, this.#disk];
    this.#process = this.host.spawn('daemon', (world) =>
      runSimDaemon(world, {
        keys,
        guests,
        disk,
        up: (daemon) => {
          this.#daemon = daemon;
        },
      }),
    );
    await this.until('the daemon is up', () => this.#daemon !== null);
  }

  killDaemon(): void {
    this.#process!.kill();
    this.#daemon = null;
  }

  get jobs(): JobManager {
    return this.#daemon!.jobs;
  }

  get daemon(): SimDaemon {
    return this.#daemon!;
  }

  /** A file of that size at the host, to be copied to the machine. */
  async copy(
    vm: string,
    name: string,
    sizeBytes: number,
    more: Partial<StartJobRequest> = {},
  ): Promise<JobView> {
    // of noise, which takes as long as its size says also where slow links are compressed
    this.host.disk.writeTree('/src', { [name]: Dice.fromSeed(name.length).bytes(sizeBytes) });
    const request = { direction: 'in' as const, vm, sources: [`/src/${name}`], destination: `/dst/${name}` };
    return this.answer(this.jobs.start({ ...request, chunkBytes: 65_536, lanes: 1, ...more }));
  }

  /** What a call answers, with the time that it takes. */
  async answer<T>(call: Promise<T>): Promise<T> {
    let settled = false;
    call.then(
      () => {
        settled = true;
      },
      () => {
        settled = true; // the caller gets the failure
      },
    );
    await this.until('the call is answered', () => settled);
    return call;
  }

  job(id: string): Promise<JobView> {
    return this.answer(this.jobs.show(id));
  }

  /** Lets time pass until the job looks like this. */
  async untilJob(
    id: string,
    what: string,
    holds: (view: JobView) => boolean,
    maxMs = 600_000,
  ): Promise<JobView> {
    const endMs = this.sim.nowMs + maxMs;
    for (;;) {
      const view = await this.job(id);
      if (holds(view)) return view;
      if (this.sim.nowMs > endMs) throw new Error(`${what}: not within ${maxMs} ms: ${JSON.stringify(view)}`);
      await this.sim.advance(50);
    }
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const report = await this.sim.runUntil(holds, { maxVirtualMs: 60_000 });
    if (!holds()) throw new Error(`${what}: ${report.outcome}\n${report.tail.join('\n')}`);
  }
}
