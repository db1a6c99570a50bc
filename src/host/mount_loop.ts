import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { MountState } from '../contract/mount_schemas.ts';
import type { LanePort } from '../link/lane/lane_port.ts';
import type { Link, LinkState } from '../link/link.ts';
import type { Stream } from '../link/mux/mux.ts';
import { callRpc } from '../link/rpc.ts';
import { uint } from '../wire/fields.ts';
import { encodeMountOpening, MOUNT_VERSIONS, type MountOpening } from '../wire/mount_messages.ts';
import type { Clock } from '../world/clock.ts';
import type { KeepList } from './mount_leftovers.ts';

export interface MountLoopParts {
  readonly clock: Clock;
  readonly link: Link;
  /** Mounts that the machine is to have for this host: it takes all others of it away. */
  readonly wanted: () => KeepList;
  /** As it is to be said next. */
  readonly opening: () => MountOpening;
  /** Does this side's part until the stream ends; `settled` is called once the mount works. Null: it is over for good. */
  readonly run: (
    stream: Stream,
    settled: () => void,
    lanes: LanePort | null,
  ) => Promise<CausewayError | null>;
  readonly stalled: (isStalled: boolean) => void;
}

/** Keeps one mount over a link alive: asks for it whenever the machine is there, and again after each failure. */
export class MountLoop {
  readonly #parts: MountLoopParts;
  readonly #over = new AbortController();
  readonly #first = Promise.withResolvers<void>();
  readonly #done: Promise<void>;
  #state: MountState = 'waiting';
  #error: CausewayError | null = null;

  constructor(parts: MountLoopParts) {
    this.#parts = parts;
    this.#first.promise.catch(() => undefined); // told to whom it matters, by `error` to others
    const { link } = parts;
    const stop = link.onState((state) => this.#linkIs(state));
    this.#done = this.#run().finally(stop);
  }

  /** Resolves once it works for the first time; rejects with the first failure. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  get state(): MountState {
    return this.#state;
  }

  get error(): CausewayError | null {
    return this.#error;
  }

  /** The mount is not wanted any more. */
  async close(): Promise<void> {
    this.#over.abort(new CausewayError('CW_CANCELLED', 'the mount was taken away'));
    await this.#done;
  }

  /** This side stops; the other one keeps what it has, for who comes next. */
  async abandon(): Promise<void> {
    this.#isAbandoned = true;
    await this.close();
  }

  #linkIs({ kind }: LinkState): void {
    this.#parts.stalled(kind !== 'up');
    if (kind !== 'up' && this.#state === 'mounted') this.#state = 'waiting';
    if (kind === 'up' && this.#state === 'waiting' && this.#isSettled) this.#state = 'mounted';
  }

  #isSettled = false;
  #isAbandoned = false;

  async #run(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      try {
        const failure = await this.#attempt(signal);
        if (failure !== null) throw failure;
      } catch (failure) {
        this.#note(asCausewayError(failure));
      } finally {
        this.#isSettled = false;
      }
      // an abort ends the pause, and the loop with it
      await this.#parts.clock.sleep(LIMITS.mountRetryMs.value, signal).catch(() => undefined);
    }
  }

  async #attempt(signal: AbortSignal): Promise<CausewayError | null> {
    const { link, wanted, run } = this.#parts;
    const opening = this.#parts.opening();
    const mux = await link.ready(signal);
    const { version } = opening;
    const theirs = await callRpc(mux, 'mounts', wanted(), signal);
    if (uint(theirs, 'minVersion') > version || uint(theirs, 'maxVersion') < MOUNT_VERSIONS.min)
      throw new CausewayError('CW_UNSUPPORTED', 'the agent of that machine speaks another version of mounts');
    if (opening.writeBackBytes !== undefined && theirs['waits'] !== true)
      throw new CausewayError('CW_UNSUPPORTED', 'the agent of that machine knows of no write-back cache');
    if (opening.waitPolicy !== undefined && theirs['policies'] !== true)
      throw new CausewayError(
        'CW_UNSUPPORTED',
        'the agent of that machine knows of no cache policy but write-back: bring it up to date, or set the cache back to write-back',
      );
    const stream = await mux.open('mount', { streamClass: 'bulk', opening: encodeMountOpening(opening) });
    const end = () => {
      if (this.#isAbandoned) return stream.reset(new CausewayError('CW_LINK_CLOSED', 'the daemon ends'));
      stream.end().catch(() => undefined); // the stream is over by itself
      const late = () => stream.reset(new CausewayError('CW_CANCELLED', 'the mount was taken away'));
      // the other side answers by its own end, where it is there
      this.#parts.clock.sleep(LIMITS.mountEndMs.value).then(late, late);
    };
    signal.addEventListener('abort', end, { once: true });
    try {
      const settled = () => {
        this.#isSettled = true;
        this.#state = 'mounted';
        this.#error = null;
        this.#first.resolve();
      };
      return await run(stream, settled, mux.lanes ?? null);
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  #note(error: CausewayError): void {
    if (this.#over.signal.aborted) return;
    const isAway = error.code === 'CW_VM_OFFLINE' || error.code.startsWith('CW_LINK_');
    this.#state = isAway ? 'waiting' : 'error';
    this.#error = error;
    this.#first.reject(error);
  }
}
