import { asCausewayError, CausewayError } from '../base/errors.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import type { Dir } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import { copyFileJob } from './copy_file_job.ts';
import { isRefusal, type Missing, missingProblem } from './metadata.ts';
import type { PartialStore } from './partial_store.ts';
import { namingKinds, settleFile } from './publish.ts';
import { MARK, type Placed, type SinkPlan } from './sink_plan.ts';
import { ChangedFolders, type Making, problemOf, statOrNull } from './sink_prepare.ts';
import { fileKeyOf, partialName } from './temporary_name.ts';

export interface LinkParts extends Making {
  readonly store: PartialStore;
  readonly offload: Offload;
  readonly plan: SinkPlan;
}

/**
 * Gives files of this copy their further names, each under a temporary name first, and flushes them. Where the destination
 * has no hard links, the file is copied there, flushed and read back; gives how many were.
 */
export async function makeHardLinks(links: Iterable<Placed>, parts: LinkParts): Promise<number> {
  const { meter, onProblem } = parts;
  const changed = new ChangedFolders(parts);
  let copied = 0;
  for (const link of links) {
    let made: Made = 'there';
    try {
      made = await meter.run('publish', 0, () => makeOne(parts, link));
      meter.goesOn();
    } catch (failure) {
      onProblem(problemOf(link.entry, failure));
    }
    if (made === 'copied') copied += 1;
    if (made !== 'there') await changed.add(link.target);
  }
  await changed.flush();
  return copied;
}

type Made = 'linked' | 'copied' | 'there';

async function makeOne(parts: LinkParts, link: Placed): Promise<Made> {
  const { dirs, store, onProblem } = parts;
  const first = firstOf(parts.plan, link.entry);
  if (first === null)
    throw new CausewayError(
      'CW_COPY_SOURCE_CHANGED',
      `it is another name of ${link.entry.linkTarget}, which was not copied or has become another file`,
    );
  if (await isSame(dirs, first, link)) return 'there';
  const temporary = partialName(fileKeyOf(link.target));
  if (await statOrNull(store.dir, temporary)) await store.dir.removeFile(temporary);
  const linked = await dirs.useParent(first.target, (dir, name) => tryLink(dir, name, store.dir, temporary));
  const missing = linked ? [] : await copyOf(parts, first, temporary);
  await dirs.useParent(link.target, (dir, name) => namingKinds(() => store.dir.rename(temporary, dir, name)));
  if (missing.length > 0) onProblem(missingProblem(link.entry.path, missing));
  return linked ? 'linked' : 'copied';
}

/** The file that is in place under its first name. */
function firstOf(plan: SinkPlan, { first = 0, inode }: PlanEntry): Placed | null {
  if (first >= plan.entries || plan.mark(first) !== MARK.nothing) return null;
  const placed = plan.entry(first);
  return placed.entry.kind === 'file' && placed.entry.inode === inode ? placed : null;
}

/** Whether the name leads to the very file already, as after an earlier copy: a rename between the two would do nothing. */
async function isSame(dirs: DirCache, first: Placed, link: Placed): Promise<boolean> {
  const there = await dirs.useParent(link.target, statOrNull);
  if (there === null) return false;
  if (there.kind === 'directory')
    throw new CausewayError('CW_COPY_KIND', 'a folder stands at the destination where the source has a file');
  const of = await dirs.useParent(first.target, statOrNull);
  return of !== null && of.inode === there.inode && of.deviceId === there.deviceId;
}

async function tryLink(
  dir: Dir,
  name: Parameters<Dir['stat']>[0],
  to: Dir,
  toName: typeof name,
): Promise<boolean> {
  if (dir.caps.links === null) return false;
  try {
    await dir.caps.links.link(name, to, toName);
    return true;
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (isRefusal(code) || code === 'CW_DISK_CROSS_DEVICE') return false;
    throw failure;
  }
}

async function copyOf(
  parts: LinkParts,
  first: Placed,
  temporary: ReturnType<typeof partialName>,
): Promise<Missing> {
  const { dirs, store, rules, offload } = parts;
  await using from = await dirs.useParent(first.target, (dir, name) => dir.openFile(name, 'read'));
  await using to = await store.dir.openFile(temporary, 'create', 0o600);
  const { sizeBytes, mode, mtimeNs } = await from.stat();
  await offload.run(copyFileJob, { from, to });
  const metadata = rules.of({ ...first.entry, mode, mtimeNs });
  return await settleFile(to, sizeBytes, metadata); // awaited here: the file stays open for it
}
