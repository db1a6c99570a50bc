import { LIMITS } from '../../base/limits.ts';
import type { KernelMount } from '../../world/mounts.ts';
import { isOfChange, NOTICE, toldFrame } from './notices.ts';
import { OUT_HEADER_BYTES, TOLD_NOTHING } from './protocol.ts';

/** So many are told before the other side hears of it, unless no more are waiting. */
const TOLD_AT_ONCE = LIMITS.mountNoticesAheadMax.value / 8;

/** What the machine with the folder tells the kernel of this one; it hears when the kernel knows, and sends more then. */
export class FarNotices {
  readonly #kernel: Pick<KernelMount, 'notify'>;
  readonly #changed: (node: bigint) => void;
  #say: ((frame: Uint8Array) => void) | null = null;
  #waiting = 0;
  #known = 0;
  /** Calls that wait for the kernel to know so many. */
  readonly #after: { readonly known: number; readonly call: () => void }[] = [];
  #told = 0;
  #hasMissed = false;

  /** `changed` gets files whose bytes may be different. */
  constructor(kernel: Pick<KernelMount, 'notify'>, changed: (node: bigint) => void) {
    this.#kernel = kernel;
    this.#changed = changed;
  }

  /** On a new stream. Null: the other side does not want to hear. What was missed meanwhile is told anew. */
  begin(say: ((frame: Uint8Array) => void) | null): void {
    this.#say = say;
    this.#told = -this.#waiting; // those of the stream before count no more
    say?.(toldFrame(TOLD_NOTHING));
  }

  /** One notice; its memory is the caller's again afterwards. */
  take(bytes: Uint8Array, view: DataView): void {
    if (!isOfChange(bytes)) {
      if (view.getInt32(4, true) === NOTICE.invalEntry) this.#kernel.notify(bytes.slice());
      return;
    }
    if (view.getInt32(4, true) === NOTICE.invalInode)
      this.#changed(view.getBigUint64(OUT_HEADER_BYTES, true));
    if (this.#waiting >= LIMITS.mountNoticesAheadMax.value) {
      this.#hasMissed = true; // left from the stream before, or the other side sends more than it may
      return;
    }
    this.#waiting += 1;
    this.#kernel.notify(bytes.slice(), () => this.#knows());
  }

  /** Calls once the kernel knows all that was taken until now. */
  whenTold(call: () => void): void {
    if (this.#waiting === 0) call();
    else this.#after.push({ known: this.#known + this.#waiting, call });
  }

  #knows(): void {
    this.#waiting -= 1;
    this.#known += 1;
    while (this.#after[0] !== undefined && this.#after[0].known <= this.#known) this.#after.shift()?.call();
    this.#say1();
  }

  #say1(): void {
    this.#told += 1;
    if (this.#hasMissed && this.#waiting === 0) {
      this.#hasMissed = false;
      this.#told = 0;
      this.#say?.(toldFrame(TOLD_NOTHING));
      return;
    }
    if (this.#told <= 0 || (this.#waiting > 0 && this.#told < TOLD_AT_ONCE)) return;
    this.#say?.(toldFrame(this.#told));
    this.#told = 0;
  }
}
