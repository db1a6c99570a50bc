import { LIMITS } from '../base/limits.ts';

interface Slot {
  readonly source: string;
  evict(): void;
}

/**
 * Room for connections that have not proven who they are, `LIMITS.unauthenticatedMax` of them. A newcomer never waits: when the room
 * is full, the source (address without port) with the most connections in it loses its oldest one. So silent
 * connections block nobody, and a flood from one address costs that address.
 */
export class HandshakeSlots {
  readonly #slots = new Set<Slot>();

  get size(): number {
    return this.#slots.size;
  }

  /** Takes a place; `evict` is called at most once, when a newcomer needs it. Returns the function that gives it back. */
  enter(description: string, evict: () => void): () => void {
    if (this.#slots.size >= LIMITS.unauthenticatedMax.value) this.#makeRoom();
    const slot: Slot = { source: sourceOf(description), evict };
    this.#slots.add(slot);
    return () => {
      this.#slots.delete(slot);
    };
  }

  #makeRoom(): void {
    const counts = new Map<string, number>();
    for (const { source } of this.#slots) counts.set(source, (counts.get(source) ?? 0) + 1);
    const most = Math.max(...counts.values());
    for (const slot of this.#slots) {
      if (counts.get(slot.source) !== most) continue; // a set is in order of insertion: the first match is the oldest
      this.#slots.delete(slot);
      slot.evict();
      return;
    }
  }
}

/** `tcp 10.0.0.7:50312` → `tcp 10.0.0.7`. */
function sourceOf(description: string): string {
  return description.replace(/:\d+$/, '');
}
