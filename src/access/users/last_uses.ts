import { LIMITS } from '../../base/limits.ts';

/** When things were used last, where the stored time may lag behind: every use would be a write otherwise. */
export class LastUses {
  readonly #uses = new Map<string, number>();

  note(id: string, nowMs: number): void {
    this.#uses.set(id, nowMs);
  }

  /** The later of what is stored and what was noted. */
  latest(id: string, storedMs: number): number {
    return Math.max(storedMs, this.#uses.get(id) ?? storedMs);
  }

  /** Those that were used `LIMITS.lastUseWriteMs` or more after what is stored of them. */
  isStale(id: string, storedMs: number | null): boolean {
    const usedMs = this.#uses.get(id);
    return usedMs !== undefined && (storedMs === null || usedMs - storedMs >= LIMITS.lastUseWriteMs.value);
  }

  /** Forgets what does not exist any more. */
  keepOnly(ids: ReadonlySet<string>): void {
    for (const id of this.#uses.keys()) if (!ids.has(id)) this.#uses.delete(id);
  }
}
