import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { joinAbsolute, type Name } from '../../base/path.ts';
import type { Dir, EntryKind, Stat } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';
import { fileId } from './path_place.ts';

export interface ListRequest {
  readonly hidden: boolean;
  readonly limit: number;
  /** Where the page before ended; null for the first. */
  readonly after: string | null;
  /** The folder that was decided on, by its identity: another one is refused. */
  readonly chain: readonly string[];
  /** Whether one more entry fits into the page; absent: each does. The first always does. */
  readonly fits?: (entry: ListedFile) => Promise<boolean>;
}

export interface ListedFile {
  readonly name: string;
  readonly path: string;
  /** Of a symbolic link what it leads to. */
  readonly kind: 'folder' | 'file' | 'other';
  readonly isLink: boolean;
  readonly sizeBytes: number | null;
  readonly mtimeMs: number | null;
}

export interface ListedPage {
  readonly entries: readonly ListedFile[];
  readonly next: string | null;
  readonly isCut: boolean;
}

interface Found {
  readonly name: Name;
  readonly kind: EntryKind;
  /** What is sorted by, and what a cursor is: folders stand first. */
  readonly key: string;
}

type DiskOf = Pick<World, 'disk'>;

/** A page of a folder, as people choose in it. CW_DISK_*, CW_ACCESS_DENIED where the path leads elsewhere by now. */
export async function listFolder(world: DiskOf, path: string, request: ListRequest): Promise<ListedPage> {
  await using dir = await world.disk.openRoot(path);
  // the path may lead elsewhere since it was decided on
  if (!request.chain.includes(fileId(await dir.self())))
    throw new CausewayError('CW_ACCESS_DENIED', `${path} leads to another folder now`);
  const { found, isCut } = await readNames(dir, request.hidden);
  const after = found.filter(({ key }) => request.after === null || key > request.after);
  const shown = after.slice(0, request.limit);
  const entries: ListedFile[] = [];
  let next: string | null = null;
  for (const { name, kind, key } of shown) {
    const entry = await look(world, { dir, folder: path }, name, kind);
    const isFull = entry !== null && (await request.fits?.(entry)) === false;
    if (isFull && entries.length > 0) return { entries, next, isCut };
    if (entry !== null) entries.push(entry);
    next = key;
  }
  return { entries, next: after.length > shown.length ? next : null, isCut };
}

/** Null for what is gone by now. */
async function look(
  { disk }: DiskOf,
  { dir, folder }: { readonly dir: Dir; readonly folder: string },
  name: Name,
  kind: EntryKind,
): Promise<ListedFile | null> {
  const path = joinAbsolute(folder, name);
  const isLink = kind === 'symlink';
  try {
    const stat = isLink ? await disk.statPath(path) : await dir.stat(name);
    return stat && { name, path, isLink, ...shownOf(stat) };
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (code === 'CW_DISK_NOT_FOUND' || code === 'CW_DISK_SYMLINK') return null;
    if (code !== 'CW_DISK_PERMISSION' && code !== 'CW_DISK_IO') throw failure;
    return { name, path, isLink, kind: 'other', sizeBytes: null, mtimeMs: null };
  }
}

function shownOf({ kind, sizeBytes, mtimeNs }: Stat): Pick<ListedFile, 'kind' | 'sizeBytes' | 'mtimeMs'> {
  const mtimeMs = Number(mtimeNs / 1_000_000n);
  if (kind === 'directory') return { kind: 'folder', sizeBytes: null, mtimeMs };
  if (kind === 'file') return { kind: 'file', sizeBytes, mtimeMs };
  return { kind: 'other', sizeBytes: null, mtimeMs };
}

async function readNames(dir: Dir, hidden: boolean): Promise<{ found: Found[]; isCut: boolean }> {
  const found: Found[] = [];
  let isCut = false;
  for await (const { name, kind } of dir.list()) {
    if (name === null || (!hidden && name.startsWith('.'))) continue;
    if (found.length === LIMITS.filesListedMax.value) {
      isCut = true;
      break;
    }
    found.push({ name, kind, key: `${kind === 'directory' ? 0 : 1}${name}` });
  }
  return { found: found.sort((a, b) => (a.key < b.key ? -1 : 1)), isCut };
}
