import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { joinAbsolute, type Name } from '../base/path.ts';
import type { FilesPort, ListedFile, ListedPage, ListRequest } from '../service/ports.ts';
import type { Dir, EntryKind, Stat } from '../world/disk.ts';
import type { World } from '../world/world.ts';
import { fileId, placeOf } from './path_place.ts';

interface Found {
  readonly name: Name;
  readonly kind: EntryKind;
  /** What is sorted by, and what a cursor is: folders stand first. */
  readonly key: string;
}

/** The files of the host, as people choose them. */
export class HostFiles implements FilesPort {
  readonly #world: Pick<World, 'disk' | 'process'>;

  constructor(world: Pick<World, 'disk' | 'process'>) {
    this.#world = world;
  }

  get home(): string {
    return this.#world.process.info.homeDirectory;
  }

  placeOf(path: string) {
    return placeOf(this.#world, path);
  }

  async list(path: string, request: ListRequest): Promise<ListedPage> {
    await using dir = await this.#world.disk.openRoot(path);
    // the path may lead elsewhere since it was decided on
    if (!request.chain.includes(fileId(await dir.self())))
      throw new CausewayError('CW_ACCESS_DENIED', `${path} leads to another folder now`);
    const { found, isCut } = await readNames(dir, request.hidden);
    const after = found.filter(({ key }) => request.after === null || key > request.after);
    const shown = after.slice(0, request.limit);
    const entries: ListedFile[] = [];
    for (const { name, kind } of shown) {
      const entry = await this.#look(dir, path, name, kind);
      if (entry !== null) entries.push(entry);
    }
    return { entries, next: after.length > shown.length ? (shown.at(-1)?.key ?? null) : null, isCut };
  }

  /** Null for what is gone by now. */
  async #look(dir: Dir, folder: string, name: Name, kind: EntryKind): Promise<ListedFile | null> {
    const path = joinAbsolute(folder, name);
    const isLink = kind === 'symlink';
    try {
      const stat = isLink ? await this.#world.disk.statPath(path) : await dir.stat(name);
      return stat && { name, path, isLink, ...shownOf(stat) };
    } catch (failure) {
      const { code } = asCausewayError(failure);
      if (code === 'CW_DISK_NOT_FOUND' || code === 'CW_DISK_SYMLINK') return null;
      if (code !== 'CW_DISK_PERMISSION' && code !== 'CW_DISK_IO') throw failure;
      return { name, path, isLink, kind: 'other', sizeBytes: null, mtimeMs: null };
    }
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
