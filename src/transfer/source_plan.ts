import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseRelPath, ROOT_PATH } from '../base/path.ts';
import { type WalkOptions, walk } from '../tree/walk.ts';
import type { PlanEntry, PlanKind, Problem } from '../wire/copy_types.ts';
import type { Stat } from '../world/disk.ts';
import { PARTIAL_FOLDER } from './destination.ts';
import type { SourceRoot } from './source_roots.ts';

/** One page of a plan; `root` says for each entry from which source it comes. */
export interface PlanPage {
  readonly entries: readonly PlanEntry[];
  readonly roots: readonly number[];
}

export interface PlanTotals {
  entries: number;
  bytes: number;
  readonly problems: Problem[];
}

type LookOptions = Omit<WalkOptions, 'skipName'>;

/** A page travels as one control message: entries and the text in them are bounded. */
const PAGE_TEXT_MAX_BYTES = LIMITS.messageMaxBytes.value / 2;

/**
 * Walks the sources and yields the plan in pages, folders before what they hold; what cannot be copied goes to
 * `totals.problems`. Throws CW_CANCELLED, CW_LIMIT.
 */
export async function* planPages(
  roots: readonly SourceRoot[],
  totals: PlanTotals,
  options: LookOptions,
): AsyncGenerator<PlanPage> {
  let entries: PlanEntry[] = [];
  let rootOf: number[] = [];
  let textBytes = 0;
  for await (const { entry, root } of allEntries(roots, totals.problems, options)) {
    entries.push(entry);
    rootOf.push(root);
    textBytes += 3 * (entry.path.length + entry.linkTarget.length) + 128;
    totals.entries += 1;
    totals.bytes += entry.kind === 'file' ? entry.sizeBytes : 0;
    if (totals.entries > LIMITS.manifestEntriesMax.value)
      throw new CausewayError('CW_LIMIT', 'the copy has too many entries');
    if (entries.length < LIMITS.manifestPageEntries.value && textBytes < PAGE_TEXT_MAX_BYTES) continue;
    yield { entries, roots: rootOf };
    entries = [];
    rootOf = [];
    textBytes = 0;
  }
  if (entries.length > 0) yield { entries, roots: rootOf };
}

async function* allEntries(
  roots: readonly SourceRoot[],
  problems: Problem[],
  options: LookOptions,
): AsyncGenerator<{ entry: PlanEntry; root: number }> {
  for (const [root, source] of roots.entries()) {
    const prefix = source.info.contents ? ROOT_PATH : parseRelPath(source.info.name);
    if (!source.info.contents) yield { entry: toEntry(prefix, source.stat, ''), root };
    if (source.fileName !== null) continue;
    for await (const item of walk(source.dir, prefix, { ...options, skipName: PARTIAL_FOLDER })) {
      if ('problem' in item) {
        problems.push({ path: item.path, code: item.problem.code, message: item.problem.message });
      } else if (item.stat.kind === 'other') {
        problems.push({
          path: item.path,
          code: 'CW_UNSUPPORTED',
          message: 'a device, socket or pipe is not copied',
        });
      } else {
        yield { entry: toEntry(item.path, item.stat, item.linkTarget), root };
      }
    }
  }
}

function toEntry(path: string, stat: Stat, linkTarget: string): PlanEntry {
  return {
    path,
    kind: stat.kind as PlanKind,
    sizeBytes: stat.kind === 'file' ? stat.sizeBytes : 0,
    mode: stat.mode & 0o7777,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    inode: stat.inode,
    linkTarget,
  };
}
