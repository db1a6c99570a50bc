import { LIMITS } from '../../base/limits.ts';
import { MemoryShare } from '../../cache/memory/memory_share.ts';
import type { World } from '../../world/world.ts';

/** A cache whose memory follows what there is. */
export interface Governed {
  /** What it would like to have. */
  readonly wishedBytes: number;
  /** `pressure`: 0 where there is memory to spare, 1 where there is none. */
  set(limitBytes: number, pressure: number): void;
}

/** Shares out among the caches of a process what they may have of the memory, and looks once a second how that is. */
export class MemoryGovernor {
  readonly #world: Pick<World, 'clock' | 'process'>;
  readonly #members = new Set<Governed>();
  readonly #share = new MemoryShare();
  #end: AbortController | null = null;

  constructor(world: Pick<World, 'clock' | 'process'>) {
    this.#world = world;
  }

  /** What is returned ends it. */
  join(member: Governed): () => void {
    this.#members.add(member);
    this.#look();
    if (this.#end === null) void this.#run();
    return () => {
      this.#members.delete(member);
      if (this.#members.size === 0) this.#end?.abort();
    };
  }

  async #run(): Promise<void> {
    const end = new AbortController();
    this.#end = end;
    while (!end.signal.aborted) {
      await this.#world.clock.sleep(LIMITS.cacheMemoryLookMs.value, end.signal).catch(() => undefined); // the end
      if (!end.signal.aborted) this.#look();
    }
    this.#end = null;
    if (this.#members.size > 0) void this.#run();
  }

  #look(): void {
    const { clock, process } = this.#world;
    const { budgetBytes, pressure } = this.#share.look({ ...process.memory(), atMs: clock.monotonicMs() });
    const each = Math.floor(budgetBytes / Math.max(1, this.#members.size));
    for (const member of this.#members) member.set(Math.min(member.wishedBytes, each), pressure);
  }
}
