import type { Clock } from '../world/clock.ts';

/** Signs for each span in which one is wanted, so that some may fail. */
const SIGNS_PER_SPAN = 4;

/** Where signs of life go. */
export interface SignsOfLife {
  /** One is wanted at least this often. */
  readonly everyMs: number;
  /** Null as long as all is well. What it throws counts as a sign that is missing. */
  readonly unready: () => Promise<string | null>;
  readonly tell: () => void;
}

/** Tells again and again that all is well, until the signal. A sign that fails is left out, the next is tried all the same. */
export async function tellSignsOfLife(signs: SignsOfLife, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await tellOnce(signs).catch(() => undefined); // one that is missing does not end those that follow
    await clock.sleep(signs.everyMs / SIGNS_PER_SPAN, signal).catch(() => undefined); // the signal ends the loop
  }
}

async function tellOnce({ unready, tell }: SignsOfLife): Promise<void> {
  if ((await unready()) === null) tell();
}
