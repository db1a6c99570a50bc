/**
 * Bugs that the simulator can plant, to prove that its checkers would find them. Nothing but a test ever plants one,
 * so that in production each point is a comparison with an empty set.
 */
export type PlantedBug =
  | 'acknowledge-before-flush'
  | 'skip-verify'
  | 'trust-journal'
  | 'undo-record-late'
  | 'write-back-early-acknowledge'
  | 'write-back-send-early';

const planted = new Set<PlantedBug>();

export function isPlanted(bug: PlantedBug): boolean {
  return planted.size > 0 && planted.has(bug);
}

/** Plants a bug until the returned function is called. */
export function plant(bug: PlantedBug): () => void {
  planted.add(bug);
  return () => planted.delete(bug);
}
