import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Blocks, StorePlace, TierPlace } from '../../cache/store/store_types.ts';
import { eraseBlocks, openBlocks, placesOf } from '../../cache/tiers/open_blocks.ts';
import type { Cryptography } from '../../world/cryptography.ts';
import type { Dir } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';
import { CacheKeys, type KeySeal } from './cache_keys.ts';
import { isJournalKey, MountJournals } from './mount_journals.ts';

export interface CacheWish {
  readonly sizeBytes: number;
  /** Absolute path of a folder that is there; null: in the data directory. */
  readonly folder: string | null;
  /** In these instead, the fastest first, of `sizeBytes` together. */
  readonly tiers?: readonly TierPlace[];
  /** For whom it is kept; absent where there is only one. */
  readonly host?: string;
}

export interface MountCachesParts {
  readonly world: World;
  readonly crypto: Cryptography;
  readonly keys: CacheKeys;
  readonly dataDirectory: string;
}

/** The block caches of the mounts of this machine, by the ids of the mounts. */
export class MountCaches {
  /** What was written in mounts and waits to be sent on. */
  readonly journals: MountJournals;
  readonly crypto: Cryptography;
  readonly #parts: MountCachesParts;

  constructor(parts: MountCachesParts) {
    this.#parts = parts;
    this.crypto = parts.crypto;
    this.journals = new MountJournals(parts);
  }

  /** With keys in `dir`, the data directory, that `seal` seals. */
  static sealedBy(seal: KeySeal, parts: Omit<MountCachesParts, 'keys'> & { readonly dir: Dir }): MountCaches {
    const { world, crypto, dataDirectory, dir } = parts;
    const keys = new CacheKeys(world.random, seal, { dir, path: dataDirectory });
    return new MountCaches({ world, crypto, keys, dataDirectory });
  }

  /** CW_DISK_NOT_FOUND, CW_DISK_NOT_DIRECTORY, CW_DISK_PERMISSION where the folder is not one to keep anything in. */
  async check({ folder, tiers }: CacheWish): Promise<void> {
    for (const { folder: at } of placesOf('', folder ?? this.#parts.dataDirectory, tiers)) {
      const dir = await this.#parts.world.disk.openRoot(at);
      await dir.close();
    }
  }

  /** Where the blocks of a mount are, with their key. CW_DAEMON_STATE where the keys cannot be read. */
  async placeOf(id: string, { sizeBytes, folder, tiers, host }: CacheWish): Promise<StorePlace> {
    const { keys, dataDirectory } = this.#parts;
    return {
      folder: folder ?? dataDirectory,
      name: nameOf(id),
      key: await keys.keyOf(id, host),
      capacityBytes: sizeBytes,
      reserveBytes: LIMITS.cacheReserveBytes.value,
      blockBytes: LIMITS.cacheBlockBytes.value,
      ...(tiers && { tiers }),
    };
  }

  /** Takes up what is there, in this thread. */
  open(place: StorePlace): Promise<Blocks> {
    const { world, crypto } = this.#parts;
    const { clock, random, disk } = world;
    return openBlocks({ clock, random, disk, crypto }, place);
  }

  /** Of all caches that there are keys for, but those for other hosts. CW_DAEMON_STATE. */
  async ids(host: string | null = null): Promise<string[]> {
    return (await this.#parts.keys.ids(host)).filter((id) => !isJournalKey(id));
  }

  /** What was kept can never be read again, and takes no room where its disk can be reached. */
  async erase(id: string, { folder, tiers }: Pick<CacheWish, 'folder' | 'tiers'>): Promise<void> {
    const { world, keys, dataDirectory } = this.#parts;
    await keys.destroy(id);
    try {
      await eraseBlocks(world.disk, placesOf(nameOf(id), folder ?? dataDirectory, tiers));
    } catch (failure) {
      if (!asCausewayError(failure).code.startsWith('CW_DISK_')) throw failure;
      // a disk that is gone or read-only: what is on it is noise without the key
    }
  }
}

const nameOf = (id: string) => `causeway-cache-${id}`;
