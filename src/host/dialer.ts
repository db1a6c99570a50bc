import type { RunningPart } from './parts/supervised_part.ts';

/** The links that this host dials, as a part of the daemon: one whose loop has ended goes on when the part is started again. */
export class Dialer {
  #broken: (() => void)[] = [];
  #end: ((failure: unknown) => void) | null = null;

  /** A link has stopped dialling; `again` lets it go on. */
  broke(failure: unknown, again: () => void): void {
    this.#broken.push(again);
    this.#end?.(failure);
    this.#end = null;
  }

  start(): RunningPart {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    this.#end = resolve;
    for (const again of this.#broken.splice(0)) again();
    return { ended: promise, close: async () => undefined };
  }
}
