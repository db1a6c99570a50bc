import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Name } from '../base/path.ts';
import type { Xattr } from '../wire/copy_types.ts';
import type { Dir, Stat } from '../world/disk.ts';
import type { XattrStore } from '../world/disk_caps.ts';

/** What an entry has besides its {@link Stat}. */
export interface EntryDetails {
  /** Absent: none. */
  readonly xattrs?: readonly Xattr[];
  /** Of a file with holes: its bytes outside of them. */
  readonly dataBytes?: number;
  /** Why a part of this could not be read. */
  readonly fault?: { readonly code: string; readonly message: string };
}

const NOTHING: EntryDetails = {};
/** Other attributes of the system are views of what is in the stat, or mean something on one machine only. */
const CARRIED = /^(?:user|trusted|security)\.|^system\.posix_acl_(?:access|default)$/u;
/** Seeks after which the rest of a file counts as data. */
const SEEKS_MAX = 4_096;

/** Reads the details of the entries of one folder; a file system without attributes is asked once. */
export class DetailReader {
  readonly #dir: Dir;
  #hasXattrs = true;

  constructor(dir: Dir) {
    this.#dir = dir;
  }

  async of(name: Name, stat: Stat): Promise<EntryDetails> {
    if (stat.kind === 'other') return NOTHING;
    const dataBytes = mayHaveHoles(stat) ? await this.#dataBytes(name) : undefined;
    const read = this.#hasXattrs ? await this.#xattrs(name) : NOTHING;
    return dataBytes === undefined ? read : { ...read, dataBytes };
  }

  async #xattrs(name: Name): Promise<EntryDetails> {
    const details = await readXattrs(this.#dir.caps.xattrsOf(name));
    if (details !== null) return details;
    this.#hasXattrs = false;
    return NOTHING;
  }

  /** Undefined where the file has no holes, or cannot be opened: its reader will tell. */
  async #dataBytes(name: Name): Promise<number | undefined> {
    try {
      await using file = await this.#dir.openFile(name, 'read');
      const { ranges } = file.caps;
      if (ranges === null) return undefined;
      const { sizeBytes } = await file.stat();
      let data = 0;
      let at = 0;
      for (let seeks = 0; at < sizeBytes; seeks += 1) {
        const from = await ranges.seekData(at);
        if (from === null) break;
        const to = seeks < SEEKS_MAX ? ((await ranges.seekHole(from)) ?? sizeBytes) : sizeBytes;
        data += Math.min(to, sizeBytes) - Math.min(from, sizeBytes);
        at = Math.max(to, at + 1);
      }
      return data < sizeBytes ? data : undefined;
    } catch {
      return undefined; // it counts as all data
    }
  }
}

function mayHaveHoles(stat: Stat): boolean {
  return stat.kind === 'file' && stat.sizeBytes - stat.allocatedBytes >= LIMITS.holeMinBytes.value;
}

/** The attributes that a copy carries; null where the file system has none at all. */
export async function readXattrs(store: XattrStore | null): Promise<EntryDetails | null> {
  if (store === null) return null;
  try {
    const names = await store.list();
    if (names.length === 0) return NOTHING;
    const xattrs: Xattr[] = [];
    let bytes = 0;
    for (const name of names) {
      if (!CARRIED.test(name)) continue;
      const value = await store.get(name);
      if (value === null) continue;
      bytes += name.length + value.byteLength;
      if (bytes > LIMITS.xattrsMaxBytes.value || xattrs.length >= LIMITS.xattrsPerEntryMax.value)
        throw new CausewayError(
          'CW_COPY_METADATA',
          'it is copied without its extended attributes: there are too many or too large ones',
        );
      xattrs.push({ name, value });
    }
    return xattrs.length === 0 ? NOTHING : { xattrs: xattrs.sort(byName) };
  } catch (failure) {
    const { code, message } = asCausewayError(failure);
    if (code === 'CW_UNSUPPORTED') return null;
    if (code === 'CW_DISK_NOT_FOUND') return NOTHING; // gone since it was listed
    return { fault: { code: 'CW_COPY_METADATA', message } };
  }
}

function byName(a: Xattr, b: Xattr): number {
  return a.name < b.name ? -1 : 1;
}
