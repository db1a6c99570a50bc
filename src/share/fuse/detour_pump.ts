import { asCausewayError, type CausewayError } from '../../base/errors.ts';
import type { DetourPipe, Parcel } from '../../world/mounts.ts';
import type { Detour } from './detour.ts';

/** A connection as the thread that serves it polls it; {@link DetourPipe} to the detour. Each call may throw CW_LINK_* and CW_WIRE_*. */
export interface PolledPipe extends DetourPipe {
  readonly fd: number;
  readonly events: number;
  readonly isClosed: boolean;
  /** Goes on with what opens it: true once it is open. */
  open(): boolean;
  flush(): void;
  /** The first one since poll(2) was asked, or a further one. */
  receive(isFirst: boolean): { readonly received: number; readonly sizeBytes: number } | null;
}

/** Messages that are taken before others have their turn. */
const AT_ONCE = 64;
const POLLIN = 1;

/** Lets one connection after the other serve a {@link Detour}, in a thread that polls it. */
export class DetourSource<P extends Parcel> {
  readonly #detour: Detour<P>;
  /** What lies where messages land. */
  readonly #landed: (sizeBytes: number) => Uint8Array;
  readonly #failed: (error: CausewayError) => void;
  #pipe: PolledPipe | null = null;
  #isOpen = false;
  #hasMore = false;

  /** `failed` is told why a connection was given up. */
  constructor(
    detour: Detour<P>,
    landed: (sizeBytes: number) => Uint8Array,
    failed: (error: CausewayError) => void = () => undefined,
  ) {
    this.#detour = detour;
    this.#landed = landed;
    this.#failed = failed;
  }

  get fd(): number {
    return this.#pipe?.fd ?? -1;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Something may be there to be taken that poll(2) does not tell of. */
  get hasMore(): boolean {
    return this.#hasMore && this.#detour.takesPipe;
  }

  /** Takes one over; the one before it is given up. */
  adopt(pipe: PolledPipe): void {
    this.drop();
    this.#pipe = pipe;
    this.#detour.begins();
    this.#try(() => this.#open());
  }

  /** Gives it up. */
  drop(): void {
    const pipe = this.#pipe;
    if (pipe === null) return;
    this.#pipe = null;
    this.#isOpen = false;
    pipe.close();
    this.#detour.failed();
  }

  /** The stream is over, and the connection with it. */
  end(): void {
    this.#pipe?.close();
    this.#pipe = null;
    this.#isOpen = false;
    this.#detour.end();
  }

  events(): number {
    const pipe = this.#live();
    if (pipe === null) return 0;
    this.#try(() => pipe.flush());
    if (this.#live() === null) return 0;
    // what comes before it is to be taken waits in the system
    return this.#isOpen && !this.#detour.takesPipe ? pipe.events & ~POLLIN : pipe.events;
  }

  ready(found: number): void {
    if (this.#live() === null) return;
    if (!this.#isOpen) return found === 0 ? undefined : this.#try(() => this.#open());
    if (found !== 0 || this.#hasMore) this.#try(() => this.#take());
  }

  /** Null where the detour has given it up. */
  #live(): PolledPipe | null {
    if (this.#pipe?.isClosed === true) {
      this.#pipe = null;
      this.#isOpen = false;
    }
    return this.#pipe;
  }

  #open(): void {
    const pipe = this.#pipe;
    if (pipe === null || !pipe.open()) return;
    this.#isOpen = true;
    this.#hasMore = true;
    this.#detour.opened(pipe);
  }

  #take(): void {
    this.#hasMore = true;
    for (let count = 0; count < AT_ONCE && this.#detour.takesPipe; count += 1) {
      const message = this.#live()?.receive(count === 0) ?? null;
      if (message === null) {
        this.#hasMore = false;
        return;
      }
      this.#detour.heard(message.received, message.sizeBytes === 0 ? null : this.#landed(message.sizeBytes));
    }
  }

  /** A connection that fails is given up. */
  #try(work: () => void): void {
    try {
      work();
    } catch (failure) {
      this.#failed(asCausewayError(failure));
      this.drop();
    }
  }
}
