import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Name } from '../base/path.ts';
import type { Dir, DirEntry, Stat } from '../world/disk.ts';
import type { Job } from '../world/offload.ts';
import { DetailReader, type EntryDetails } from './entry_details.ts';

/** An entry as it was found; null where it was removed since it was listed, as if it had never been. */
export type Found =
  | { readonly stat: Stat; readonly linkTarget: string; readonly details: EntryDetails }
  | { readonly code: string; readonly message: string }
  | null;

/** The entries of a folder by the code units of their names, and what the first of them are. */
export const listFolderJob: Job<
  { readonly dir: Dir },
  { readonly entries: readonly DirEntry[]; readonly found: readonly Found[] }
> = {
  name: 'list-folder',
  async run({ dir }) {
    const entries: DirEntry[] = [];
    for await (const entry of dir.list()) entries.push(entry);
    entries.sort((a, b) => (a.rawName < b.rawName ? -1 : a.rawName > b.rawName ? 1 : 0));
    const first = entries.slice(0, LIMITS.walkBatchEntries.value);
    return { entries, found: await inspectAll(dir, first) };
  },
};

/** What these entries of a folder are. */
export const inspectJob: Job<
  { readonly dir: Dir; readonly entries: readonly DirEntry[] },
  { readonly found: readonly Found[] }
> = {
  name: 'inspect-entries',
  run: async ({ dir, entries }) => ({ found: await inspectAll(dir, entries) }),
};

async function inspectAll(dir: Dir, entries: readonly DirEntry[]): Promise<Found[]> {
  const found: Found[] = [];
  const details = new DetailReader(dir);
  for (const { name, rawName } of entries) found.push(await inspect(dir, name, rawName, details));
  return found;
}

async function inspect(dir: Dir, name: Name | null, rawName: string, details: DetailReader): Promise<Found> {
  try {
    if (name === null)
      throw new CausewayError('CW_COPY_NAME_ILLEGAL', `the name ${rawName} is not valid UTF-8`);
    const stat = await dir.stat(name);
    const linkTarget = stat.kind === 'symlink' ? await dir.readLink(name) : '';
    return { stat, linkTarget, details: await details.of(name, stat) };
  } catch (failure) {
    const { code, message } = asCausewayError(failure);
    return code === 'CW_DISK_NOT_FOUND' ? null : { code, message };
  }
}
