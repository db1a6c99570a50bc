import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseName } from '../../base/path.ts';
import type { JournalPlace } from '../../cache/write_back/journal.ts';
import { WriteBackTree } from '../../cache/write_back/write_back_tree.ts';
import type { Cryptography } from '../../world/cryptography.ts';
import type { World } from '../../world/world.ts';
import type { CacheKeys } from './cache_keys.ts';
import { RemoteTree } from './remote/remote_tree.ts';

export interface MountJournalsParts {
  readonly world: World;
  readonly crypto: Cryptography;
  readonly keys: CacheKeys;
  readonly dataDirectory: string;
}

/** What waits in a journal that no mount has open. */
export interface LeftWrites {
  readonly changes: number;
  readonly dirtyBytes: number;
}

const KEY_PREFIX = 'journal-';

export const isJournalKey = (id: string) => id.startsWith(KEY_PREFIX);

/** Journals of what was written in mounts and is not where it belongs yet, by the ids of the mounts. */
export class MountJournals {
  readonly #parts: MountJournalsParts;

  constructor(parts: MountJournalsParts) {
    this.#parts = parts;
  }

  /** Where the journal of a mount lies; its key is made where there is none, for `host`. CW_KEY_WRONG, CW_DAEMON_STATE. */
  async place(id: string, host: string | null = null): Promise<JournalPlace> {
    const { keys, dataDirectory } = this.#parts;
    return {
      folder: dataDirectory,
      name: nameOf(id),
      key: await keys.lastingKeyOf(KEY_PREFIX + id, host),
      segmentBytes: LIMITS.writeBackSegmentBytes.value,
      reserveBytes: LIMITS.writeBackReserveBytes.value,
    };
  }

  /** Of all journals that there are keys for, but those for other hosts. CW_DAEMON_STATE. */
  async ids(host: string | null = null): Promise<string[]> {
    const all = await this.#parts.keys.ids(host);
    return all.filter(isJournalKey).map((id) => id.slice(KEY_PREFIX.length));
  }

  /** What waits in it, while no mount has it open. CW_CACHE_JOURNAL, CW_KEY_WRONG, CW_DISK_*. */
  async left(id: string): Promise<LeftWrites> {
    if (!(await this.ids()).includes(id)) return { changes: 0, dirtyBytes: 0 };
    const { clock, random, disk } = this.#parts.world;
    const { crypto } = this.#parts;
    const nowhere = new RemoteTree({ clock, random, tag: '00000000', onChanged: () => undefined });
    nowhere.calls.close();
    await using tree = await WriteBackTree.open({ clock, random, disk, crypto }, nowhere, {
      place: await this.place(id),
      owner: { userId: 0, groupId: 0 },
      dirtyMaxBytes: 0,
      ageMs: 0,
      sends: false,
    });
    const { changes, dirtyBytes } = tree.status;
    return { changes, dirtyBytes };
  }

  /** Removes the journal where nothing waits in it; false where something does, or that cannot be told. */
  async eraseClean(id: string): Promise<boolean> {
    try {
      if ((await this.left(id)).changes > 0) return false;
    } catch (failure) {
      asCausewayError(failure); // damaged, or its key is: whoever looks into it may save something
      return false;
    }
    await this.erase(id);
    return true;
  }

  /** Removes a journal in which nothing waits, with its key. */
  async erase(id: string): Promise<void> {
    const { world, keys, dataDirectory } = this.#parts;
    await keys.destroy(KEY_PREFIX + id);
    try {
      await using parent = await world.disk.openRoot(dataDirectory);
      const name = parseName(nameOf(id));
      const dir = await parent.openDir(name);
      try {
        const names = [];
        for await (const entry of dir.list()) if (entry.name !== null) names.push(entry.name);
        for (const one of names) await dir.removeFile(one);
      } finally {
        await dir.close();
      }
      await parent.removeDir(name);
    } catch (failure) {
      if (!asCausewayError(failure).code.startsWith('CW_DISK_')) throw failure;
      // a disk that is gone or read-only: what is on it is noise without the key
    }
  }
}

const nameOf = (id: string) => `causeway-journal-${id}`;
