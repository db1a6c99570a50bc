import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { joinRel, type Name, type RelPath } from '../base/path.ts';
import { throwIfAborted } from '../base/signal.ts';
import type { Dir, DirEntry, Stat } from '../world/disk.ts';

/** One entry below the root of a walk, or the reason why it cannot be told. */
export type WalkItem =
  | { readonly path: RelPath; readonly stat: Stat; readonly linkTarget: string }
  | { readonly path: string; readonly problem: CausewayError };

export interface WalkOptions {
  readonly signal: AbortSignal;
  /** Entries of this name are passed over, with all that is in them. */
  readonly skipName: string;
}

/**
 * All entries below `root`, each folder before what it holds, names in the order of their code units. Nothing is
 * followed. An entry that cannot be read is yielded as a problem and the walk goes on; `prefix` is put before each path.
 */
export async function* walk(root: Dir, prefix: RelPath, options: WalkOptions): AsyncGenerator<WalkItem> {
  let names: DirEntry[];
  try {
    names = await listSorted(root);
  } catch (failure) {
    yield { path: prefix, problem: asCausewayError(failure) };
    return;
  }
  const wanted = names.filter((entry) => entry.rawName !== options.skipName);
  for (let at = 0; at < wanted.length; at += LIMITS.walkBatchEntries.value) {
    throwIfAborted(options.signal);
    const batch = wanted.slice(at, at + LIMITS.walkBatchEntries.value);
    const items = await Promise.all(batch.map((entry) => inspect(root, prefix, entry)));
    for (const item of items) {
      if (item === null) continue;
      yield item;
      if ('stat' in item && item.stat.kind === 'directory') yield* descend(root, item.path, options);
    }
  }
}

async function* descend(parent: Dir, path: RelPath, options: WalkOptions): AsyncGenerator<WalkItem> {
  let dir: Dir;
  try {
    dir = await parent.openDir(path.slice(path.lastIndexOf('/') + 1) as Name);
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

async function listSorted(dir: Dir): Promise<DirEntry[]> {
  const entries: DirEntry[] = [];
  for await (const entry of dir.list()) entries.push(entry);
  return entries.sort((a, b) => (a.rawName < b.rawName ? -1 : a.rawName > b.rawName ? 1 : 0));
}

async function inspect(dir: Dir, prefix: RelPath, entry: DirEntry): Promise<WalkItem | null> {
  const shown = prefix === '' ? entry.rawName : `${prefix}/${entry.rawName}`;
  if (entry.name === null) {
    return {
      path: shown,
      problem: new CausewayError('CW_COPY_NAME_ILLEGAL', `the name of ${shown} is not valid UTF-8`),
    };
  }
  const path = joinRel(prefix, entry.name);
  try {
    const stat = await dir.stat(entry.name);
    const linkTarget = stat.kind === 'symlink' ? await dir.readLink(entry.name) : '';
    return { path, stat, linkTarget };
  } catch (failure) {
    const error = asCausewayError(failure);
    if (error.code === 'CW_DISK_NOT_FOUND') return null; // removed since it was listed, as if it had never been
    return { path, problem: error };
  }
}
