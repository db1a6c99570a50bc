import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseRelPath, ROOT_PATH } from '../base/path.ts';
import { DetailReader, type EntryDetails, readXattrs } from '../tree/entry_details.ts';
import { type WalkOptions, walk } from '../tree/walk.ts';
import type { PlanEntry, PlanKind, Problem } from '../wire/copy_types.ts';
import type { SpecialFile, Stat } from '../world/disk.ts';
import { withCarriedTime } from './carried_time.ts';
import { PARTIAL_FOLDER } from './destination.ts';
import { HardLinkNames } from './hard_link_names.ts';
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
  const names = new HardLinkNames();
  for await (const { entry: found, stat, root } of allEntries(roots, totals.problems, options)) {
    const entry = names.place(found, stat, totals.entries);
    entries.push(entry);
    rootOf.push(root);
    textBytes += 3 * (entry.path.length + entry.linkTarget.length) + 192 + xattrBytes(entry);
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
  if (names.forgotten > 0) totals.problems.push(names.problem());
}

interface Planned {
  readonly entry: PlanEntry;
  readonly stat: Stat;
  readonly root: number;
}

async function* allEntries(
  roots: readonly SourceRoot[],
  problems: Problem[],
  options: LookOptions,
): AsyncGenerator<Planned> {
  const take = (path: string, details: EntryDetails): EntryDetails => {
    if (details.fault) problems.push({ path, ...details.fault });
    return details;
  };
  for (const [root, source] of roots.entries()) {
    const prefix = source.info.contents ? ROOT_PATH : parseRelPath(source.info.name);
    if (!source.info.contents) {
      const details = take(prefix, await detailsOfRoot(source));
      const stat = withCarriedTime(prefix, source.stat, problems);
      if (stat !== null) yield { entry: toEntry(prefix, { stat, linkTarget: '', details }), stat, root };
    }
    if (source.fileName !== null) continue;
    for await (const item of walk(source.dir, prefix, { ...options, skipName: PARTIAL_FOLDER })) {
      if ('problem' in item) {
        problems.push({ path: item.path, code: item.problem.code, message: item.problem.message });
      } else if (item.stat.kind === 'other') {
        problems.push({ path: item.path, code: 'CW_UNSUPPORTED', message: specialText(item.stat) });
      } else {
        take(item.path, item.details);
        const stat = withCarriedTime(item.path, item.stat, problems);
        if (stat !== null) yield { entry: toEntry(item.path, { ...item, stat }), stat, root };
      }
    }
  }
}

async function detailsOfRoot({ dir, fileName, stat }: SourceRoot): Promise<EntryDetails> {
  if (fileName !== null) return new DetailReader(dir).of(fileName, stat);
  return (await readXattrs(dir.caps.ownXattrs)) ?? {};
}

const SPECIAL_NAMES: Readonly<Record<SpecialFile['type'], string>> = {
  fifo: 'a named pipe (fifo)',
  socket: 'a socket',
  characterDevice: 'a character device',
  blockDevice: 'a block device',
  unknown: 'a special file',
};

function specialText({ special }: Stat): string {
  const { type, major, minor } = special ?? { type: 'unknown', major: 0, minor: 0 };
  const number = type.endsWith('Device') ? ` ${major}:${minor}` : '';
  return `${SPECIAL_NAMES[type]}${number} is not copied`;
}

function xattrBytes({ xattrs }: PlanEntry): number {
  return (xattrs ?? []).reduce((sum, { name, value }) => sum + name.length + value.byteLength + 32, 0);
}

/** The entry of the plan for what was found. */
export function toEntry(
  path: string,
  found: { readonly stat: Stat; readonly linkTarget: string; readonly details: EntryDetails },
): PlanEntry {
  const { stat, linkTarget, details } = found;
  const { xattrs, dataBytes } = details;
  return {
    path,
    kind: stat.kind as PlanKind,
    sizeBytes: stat.kind === 'file' ? stat.sizeBytes : 0,
    mode: stat.mode & 0o7777,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    inode: stat.inode,
    linkTarget,
    userId: stat.userId,
    groupId: stat.groupId,
    ...(xattrs && { xattrs }),
    ...(dataBytes !== undefined && { dataBytes: Math.min(dataBytes, stat.sizeBytes) }),
  };
}
