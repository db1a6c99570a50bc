import { namesOf, type RelPath, splitRel } from '../../base/path.ts';
import type { Op } from './nodes.ts';

/** What may be done at one time. */
export interface WaveLimits {
  readonly changes: number;
  /** Only changes from before; later ones wait. */
  readonly beforeMs: number;
  /** Changes that are not to be tried now; what depends on them waits too. */
  readonly skips: (op: Op) => boolean;
}

/**
 * The next changes to send on, all of which are independent of each other: no two are of one node or name, none makes,
 * moves or removes a folder that another one is in, and none depends on an earlier one that is not among them. So changes
 * of one file and of one name arrive in the order in which they were made, and a rename after all that was written before
 * it. `ops` are in order.
 */
export function planWave(ops: readonly Op[], { changes, beforeMs, skips }: WaveLimits): Op[] {
  const wave: Op[] = [];
  const written = new Set<string>();
  const read = new Set<string>();
  for (const op of ops) {
    if (wave.length >= changes) break;
    const keys = keysOf(op);
    const isFree =
      !keys.writes.some((key) => written.has(key) || read.has(key)) &&
      !keys.reads.some((key) => written.has(key));
    if (isFree && op.sinceMs <= beforeMs && !isHidden(op) && !skips(op)) wave.push(op);
    for (const key of keys.writes) written.add(key);
    for (const key of keys.reads) read.add(key);
  }
  return wave;
}

/** A file that nobody sees yet. */
function isHidden({ kind, to }: Op): boolean {
  return kind === 'file' && to === null;
}

/** What a change changes, and what has to stay as it is meanwhile. */
export function keysOf({ node, replaced, to, from }: Op): { writes: string[]; reads: string[] } {
  const writes = [`node ${node.ref}`];
  if (replaced !== null) writes.push(`node ${replaced.ref}`);
  const reads = new Set<string>();
  for (const path of [to, from, node.far]) {
    if (path === null) continue;
    writes.push(`path ${path}`);
    for (const folder of foldersOf(path)) reads.add(`path ${folder}`);
  }
  return { writes, reads: [...reads] };
}

function foldersOf(path: RelPath): RelPath[] {
  const found: RelPath[] = [];
  for (let { parent } = splitRel(path), left = namesOf(path).length; left > 1; left -= 1) {
    found.push(parent);
    parent = splitRel(parent).parent;
  }
  return found;
}
