import { CausewayError } from '../../base/errors.ts';
import type { BenchServer } from '../../world/bench_machine.ts';
import type { CacheMode } from './mode_figures.ts';
import type { ModesRun } from './modes.ts';
import { Relay } from './relay.ts';

/** A daemon and an agent in processes of their own, a link that takes its time between them, and a mount in one mode. */
export class ModeStand implements AsyncDisposable {
  readonly mode: string;
  readonly mountpoint: string;
  readonly signal: AbortSignal;
  readonly #run: ModesRun;
  readonly #base: string;
  readonly #isWaiting: boolean;
  readonly #running = new AsyncDisposableStack();
  #relay: Relay | null = null;
  #daemon: BenchServer | null = null;

  private constructor(run: ModesRun, mode: CacheMode) {
    this.#run = run;
    this.mode = mode.name;
    this.signal = run.signal;
    this.#base = `${run.place.folder}/${mode.name}`;
    this.mountpoint = `${this.#base}/mounted`;
    this.#isWaiting = ['write-back', 'split'].some((policy) => mode.flags.includes(policy));
  }

  /** CW_BENCH, CW_TIMEOUT. */
  static async start(run: ModesRun, mode: CacheMode, shared: string): Promise<ModeStand> {
    const stand = new ModeStand(run, mode);
    try {
      await stand.#start(mode, shared);
      return stand;
    } catch (failure) {
      await stand[Symbol.asyncDispose]();
      throw failure;
    }
  }

  /** What has come over the link. */
  get receivedBytes(): number {
    return this.#relay?.receivedBytes ?? 0;
  }

  /** Waits until the machine has all that was written; how long that took, in ms. */
  async clean(): Promise<number> {
    const { clock } = this.#run.world;
    if (!this.#isWaiting) return 0;
    const startMs = clock.monotonicMs();
    await this.#ask('cache', 'flush', this.mountpoint);
    return clock.monotonicMs() - startMs;
  }

  /** The process with the mount, as by a failure of it. */
  async kill(): Promise<void> {
    const { machine } = this.#run.place;
    await this.#daemon?.kill();
    await this.#until(() => !machine.files.isMounted(this.mountpoint));
  }

  async restart(): Promise<void> {
    await this.#startDaemon();
    const { files } = this.#run.place.machine;
    await this.#until(() => files.isMounted(this.mountpoint));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#running.disposeAsync();
  }

  async #start({ flags }: CacheMode, shared: string): Promise<void> {
    const { place, world, work } = this.#run;
    const { cacheBytes, delayMs } = work;
    const { machine } = place;
    for (const name of ['host', 'guest', 'mounted']) machine.files.makeFolder(`${this.#base}/${name}`);
    const listen = ['run', '--listen', '127.0.0.1:0', '--data', `${this.#base}/guest`, '--ready-fd', '3'];
    const agent = machine.start({ argv: [...machine.own.agent, ...listen], ready: 'fd3' });
    this.#running.defer(() => agent.stop());
    const ready = JSON.parse(await agent.readyLine()) as { readonly address: string; readonly token: string };
    const at = ready.address.lastIndexOf(':');
    const far = { host: ready.address.slice(0, at), port: Number(ready.address.slice(at + 1)) };
    const relay = await Relay.start(world, far, delayMs);
    this.#running.use(relay);
    this.#relay = relay;
    await this.#startDaemon();
    await this.#ask('vm', 'add', 'bench', '--tcp', `127.0.0.1:${relay.port}`, '--token', ready.token);
    this.#running.defer(() => machine.files.unmount(this.mountpoint));
    const sized = flags.map((flag) => (flag === 'SIZE' ? String(cacheBytes) : flag));
    await this.#ask('mount', `bench:${shared}`, this.mountpoint, '--as-root', ...sized);
  }

  async #startDaemon(): Promise<void> {
    const { machine } = this.#run.place;
    const up = ['up', '--no-web', '--no-shares', '--ready-fd', '3'];
    const argv = [...machine.own.cli, '--data', `${this.#base}/host`, ...up];
    const daemon = machine.start({ argv, ready: 'fd3' });
    this.#daemon = daemon;
    this.#running.defer(() => daemon.stop());
    await daemon.readyLine();
  }

  async #ask(...words: readonly string[]): Promise<void> {
    const { machine } = this.#run.place;
    await machine.run([...machine.own.cli, '--data', `${this.#base}/host`, ...words]);
  }

  async #until(holds: () => boolean): Promise<void> {
    const { clock } = this.#run.world;
    for (let tries = 0; !holds(); tries += 1) {
      if (tries >= TRIES_MAX) throw new CausewayError('CW_TIMEOUT', `${this.mode}: the mount did not change`);
      await clock.sleep(TRY_MS);
    }
  }
}

const TRY_MS = 50;
const TRIES_MAX = 1_200;
