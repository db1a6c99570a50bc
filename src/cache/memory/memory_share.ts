/** Part of the memory that a process may have which all caches of it may have together. */
const SHARE = 0.4;
/** Some process waits for memory for that part of the time: nothing is to spare. */
const STALLED_PART = 0.1;
/** Above the first part nothing is short; at the second one nothing is to spare. */
const [ENOUGH_PART, SCARCE_PART] = [0.1, 0.04];
/** By how much pressure falls at most from one look to the next: what was given back is not taken again at once. */
const FALL = 0.1;
/** Under full pressure that part is left. */
const LEAST_PART = 0.1;

/** How it is with memory at some time. */
export interface MemoryLook {
  /** Monotonic. */
  readonly atMs: number;
  readonly allowedBytes: number;
  /** Null where it is not known. */
  readonly availableBytes: number | null;
  /** For how long processes have waited for memory, summed; null where it is not known. */
  readonly waitMs: number | null;
}

export interface Share {
  readonly budgetBytes: number;
  /** 0 where there is memory to spare, 1 where there is none. */
  readonly pressure: number;
}

/**
 * What caches may have of the memory: 40 % of what the machine or a group of control allows, and less while processes wait for
 * memory (pressure stall information, Documentation/accounting/psi.rst of Linux) or hardly any is available. Pressure rises at
 * once, and falls by steps.
 */
export class MemoryShare {
  #last: MemoryLook | null = null;
  #pressure = 0;

  look(now: MemoryLook): Share {
    const fallen = Math.max(0, this.#pressure - FALL);
    this.#pressure = Math.min(1, Math.max(fallen, this.#stalled(now), scarce(now)));
    this.#last = now;
    const part = LEAST_PART + (1 - LEAST_PART) * (1 - this.#pressure);
    return { budgetBytes: Math.floor(now.allowedBytes * SHARE * part), pressure: this.#pressure };
  }

  #stalled({ atMs, waitMs }: MemoryLook): number {
    const before = this.#last;
    if (before === null || waitMs === null || before.waitMs === null || atMs <= before.atMs) return 0;
    return (waitMs - before.waitMs) / (atMs - before.atMs) / STALLED_PART;
  }
}

function scarce({ availableBytes, allowedBytes }: MemoryLook): number {
  if (availableBytes === null) return 0;
  return Math.max(0, (ENOUGH_PART - availableBytes / allowedBytes) / (ENOUGH_PART - SCARCE_PART));
}
