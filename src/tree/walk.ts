import { asCausewayError, type CausewayError, fromReport } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { joinRel, type Name, type RelPath } from '../base/path.ts';
import { throwIfAborted } from '../base/signal.ts';
import type { Dir, DirEntry, Stat } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import type { EntryDetails } from './entry_details.ts';
import { type Found, inspectJob, listFolderJob } from './walk_jobs.ts';

/** One entry below the root of a walk, or the reason why it cannot be told. */
export type WalkItem =
  | {
      readonly path: RelPath;
      readonly stat: Stat;
      readonly linkTarget: string;
      readonly details: EntryDetails;
    }
  | { readonly path: string; readonly problem: CausewayError };

export interface WalkOptions {
  readonly signal: AbortSignal;
  /** Entries of this name are passed over, with all that is in them. */
  readonly skipName: string;
  readonly offload: Offload;
  /** Runs each look at the disk, for whoever measures how long they take. */
  readonly looking?: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * All entries below `root`, each folder before what it holds, names in the order of their code units. Nothing is
 * followed. An entry that cannot be read is yielded as a problem and the walk goes on; `prefix` is put before each path.
 */
export async function* walk(root: Dir, prefix: RelPath, options: WalkOptions): AsyncGenerator<WalkItem> {
  let listed: { readonly entries: readonly DirEntry[]; readonly found: readonly Found[] };
  try {
    listed = await look(options, () => options.offload.run(listFolderJob, { dir: root }));
  } catch (failure) {
    yield { path: prefix, problem: asCausewayError(failure) };
    return;
  }
  const { entries } = listed;
  let { found } = listed;
  for (let at = 0; at < entries.length; at += LIMITS.walkBatchEntries.value) {
    throwIfAborted(options.signal);
    const batch = entries.slice(at, at + LIMITS.walkBatchEntries.value);
    if (at > 0) {
      const inspect = () => options.offload.run(inspectJob, { dir: root, entries: batch });
      found = (await look(options, inspect)).found;
    }
    for (const [index, entry] of batch.entries()) {
      const item = entry.rawName === options.skipName ? null : toItem(prefix, entry, found[index]!);
      if (item === null) continue;
      yield item;
      if ('stat' in item && item.stat.kind === 'directory') yield* descend(root, item.path, options);
    }
  }
}

async function* descend(parent: Dir, path: RelPath, options: WalkOptions): AsyncGenerator<WalkItem> {
  let dir: Dir;
  try {
    dir = await look(options, () => parent.openDir(path.slice(path.lastIndexOf('/') + 1) as Name));
  } catch (failure) {
    yield { path, problem: asCausewayError(failure) };
    return;
  }
  try {
    yield* walk(dir, path, options);
  } finally {
    await dir.close();
  }
}

function look<T>({ looking }: WalkOptions, work: () => Promise<T>): Promise<T> {
  return looking ? looking(work) : work();
}

function toItem(prefix: RelPath, entry: DirEntry, found: Found): WalkItem | null {
  if (found === null) return null;
  if ('code' in found || entry.name === null) {
    const path = prefix === '' ? entry.rawName : `${prefix}/${entry.rawName}`;
    return { path, problem: fromReport('code' in found ? found : { code: 'CW_INTERNAL', message: path }) };
  }
  return { path: joinRel(prefix, entry.name), ...found };
}
