import { CausewayError } from '../../base/errors.ts';
import type { Name, RelPath } from '../../base/path.ts';
import type { Dir } from '../../world/disk.ts';
import type { XattrStore } from '../../world/disk_caps.ts';
import type { NodeValues } from './file_tree.ts';

/** Before the name of a value in the name of its extended attribute. */
export const VALUE_PREFIX = 'user.causeway.';

type Place = <T>(path: RelPath, use: (dir: Dir, name: Name | null) => Promise<T>) => Promise<T>;

/** Values as extended attributes: they move with the file, and no client sees them as files. */
export class LocalValues implements NodeValues {
  readonly #place: Place;

  constructor(place: Place) {
    this.#place = place;
  }

  get(path: RelPath, name: string): Promise<Uint8Array | null> {
    return this.#place(path, (dir, entry) => storeOf(dir, entry).get(VALUE_PREFIX + name));
  }

  set(path: RelPath, name: string, value: Uint8Array | null): Promise<void> {
    return this.#place(path, async (dir, entry) => {
      const store = storeOf(dir, entry);
      if (value === null) await store.remove(VALUE_PREFIX + name);
      else await store.set(VALUE_PREFIX + name, value);
    });
  }
}

function storeOf(dir: Dir, name: Name | null): XattrStore {
  const store = name === null ? dir.caps.ownXattrs : dir.caps.xattrsOf(name);
  if (store === null) throw new CausewayError('CW_UNSUPPORTED', 'this machine has no extended attributes');
  return store;
}
