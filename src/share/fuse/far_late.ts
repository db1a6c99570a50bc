import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { PassingFrame } from './far_cache.ts';
import { IN_HEADER_BYTES, OP, RELEASE_UNLOCK_FLOCK } from './protocol.ts';

const RELEASE_FLAGS_AT = IN_HEADER_BYTES + 12;
const RELEASE_IN_BYTES = IN_HEADER_BYTES + 24;

/**
 * Requests that nobody waits for: a RELEASE, which the kernel sends once a file is closed. They go with the next request, in the
 * order in which they came, or by themselves a moment later, so that the other machine is not woken for each of them.
 */
export class FarLate {
  readonly #clock: Pick<Clock, 'sleep'>;
  readonly #send: (frames: readonly Uint8Array[]) => void;
  #waiting: Uint8Array[] = [];
  #isTimed = false;

  /** `send` gets those that no other request came for in time. */
  constructor(clock: Pick<Clock, 'sleep'>, send: (frames: readonly Uint8Array[]) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Whether that one may wait. Not one that ends a lock: others wait for it. */
  static mayWait({ opcode, bytes, view }: PassingFrame): boolean {
    if (opcode !== OP.release || bytes.byteLength < RELEASE_IN_BYTES) return false;
    return (view.getUint32(RELEASE_FLAGS_AT, true) & RELEASE_UNLOCK_FLOCK) === 0;
  }

  /** Its memory is kept. */
  add(frame: Uint8Array): void {
    this.#waiting.push(frame);
    if (this.#waiting.length >= LIMITS.mountLateMax.value) return this.#send(this.take());
    if (this.#isTimed) return;
    this.#isTimed = true;
    const sendRest = () => {
      this.#isTimed = false;
      if (this.#waiting.length > 0) this.#send(this.take());
    };
    this.#clock.sleep(LIMITS.mountLateMs.value).then(sendRest, sendRest);
  }

  /** Those that are to go now, before what comes next; the caller's from then on. */
  take(): Uint8Array[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }
}
