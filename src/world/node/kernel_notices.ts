import fs from 'node:fs';
import { LIMITS } from '../../base/limits.ts';

interface Notice {
  readonly bytes: Uint8Array;
  readonly done: (() => void) | undefined;
}

/** Mounts whose next notice waits for one of all mounts to be taken. */
const waiting: KernelNotices[] = [];
let isWriting = 0;

/**
 * What a kernel is told by itself, one after the other, and not in this thread: it may wait for a folder or a page that is
 * locked until this thread answers. Few of all mounts are written at one time, so that those which wait leave threads of
 * the pool to what they wait for.
 */
export class KernelNotices {
  readonly #fd: number;
  readonly #urgent: Notice[] = [];
  readonly #wishes: Notice[] = [];
  #isBusy = false;
  #isClosed = false;
  #closed: (() => void) | null = null;

  /** `fd`: the descriptor of the mount, which stays open until {@link close} has resolved. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  /** A wish where there is no `done`: it may be passed over. */
  add(bytes: Uint8Array, done: (() => void) | undefined): void {
    if (this.#isClosed) return done?.();
    if (done === undefined && this.#wishes.length >= LIMITS.mountForgetQueueMax.value) return;
    (done === undefined ? this.#wishes : this.#urgent).push({ bytes, done });
    this.#queue();
  }

  /** What was not told is not any more; resolves when nothing is being told. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { done } of [...this.#urgent.splice(0), ...this.#wishes.splice(0)]) done?.();
    if (!this.#isBusy) return;
    await new Promise<void>((resolve) => {
      this.#closed = resolve;
    });
  }

  #queue(): void {
    if (this.#isBusy || this.#urgent.length + this.#wishes.length === 0) return;
    this.#isBusy = true;
    waiting.push(this);
    startNext();
  }

  /** The next one; false where nothing is left to be told. */
  write(): boolean {
    const notice = this.#urgent.shift() ?? this.#wishes.shift();
    if (notice === undefined) {
      this.#idle();
      return false;
    }
    // the kernel says so where it does not know what is meant any more
    fs.write(this.#fd, notice.bytes, () => {
      isWriting -= 1;
      notice.done?.();
      this.#idle();
      this.#queue();
      startNext();
    });
    return true;
  }

  #idle(): void {
    this.#isBusy = false;
    if (this.#isClosed) this.#closed?.();
  }
}

function startNext(): void {
  while (isWriting < LIMITS.mountNoticesAtOnceMax.value) {
    const next = waiting.shift();
    if (next === undefined) return;
    if (next.write()) isWriting += 1;
  }
}
