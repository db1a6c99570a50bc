import { readFileSync } from 'node:fs';

/** Sums how long the threads of this process wait for a processor. A sum only rises: threads that end stay in it. */
export class RunQueue {
  readonly #seenMs = new Map<string, number>();
  #totalMs = 0;

  /** ms since the first call's threads began; null where the kernel does not tell (schedstat, sched-stats.rst). */
  waitedMs(threads: readonly string[]): number | null {
    const now = new Map<string, number>();
    for (const thread of threads) {
      const waitedMs = threadWaitedMs(thread);
      if (waitedMs !== null) now.set(thread, waitedMs);
    }
    if (now.size === 0) return null;
    for (const [thread, waitedMs] of now) {
      const seenMs = this.#seenMs.get(thread) ?? 0;
      this.#totalMs += waitedMs >= seenMs ? waitedMs - seenMs : waitedMs; // less: another thread has got its number
    }
    this.#seenMs.clear();
    for (const [thread, waitedMs] of now) this.#seenMs.set(thread, waitedMs);
    return Math.floor(this.#totalMs);
  }
}

/** The second number is the time on the run queue in ns. */
function threadWaitedMs(thread: string): number | null {
  try {
    const [, waitedNs] = readFileSync(`/proc/self/task/${thread}/schedstat`, 'latin1').split(' ');
    return waitedNs === undefined ? null : Number(waitedNs) / 1e6;
  } catch {
    return null; // the thread has ended since it was listed, or the kernel keeps no such figures
  }
}
