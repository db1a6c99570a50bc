import { CausewayError } from '../base/errors.ts';
import type { CachePolicy, PartialJournalSettings } from '../contract/cache_schemas.ts';
import type { Database, SqlRow } from '../world/database.ts';

/** `id` is another one after each change: what runs on a mount is cut by it. */
export interface ShareMountWish {
  readonly id: string;
  readonly vm: string;
  readonly path: string;
  readonly numericIds: boolean;
  readonly asRoot: boolean;
  /** What the machine may keep of what it reads; absent: nothing. */
  readonly cacheBytes?: number;
  /** Absent: what is written goes to the host at once. */
  readonly cachePolicy?: CachePolicy;
  /** It has a journal, whatever its policy is now. */
  readonly hasJournal?: boolean;
  readonly journal?: PartialJournalSettings;
}

/** What the files that a user made may have together; a share with its own name as the user: all files without one. */
export interface UserQuota {
  readonly user: string;
  readonly limitBytes: number;
}

/** A share as the daemon remembers it. */
export interface StoredShare {
  readonly name: string;
  readonly source: string;
  /** Inode of the folder: another one in its place is not served. */
  readonly sourceInode: string;
  readonly readOnly: boolean;
  readonly quotaBytes: number | null;
  /** What files of single users may have together; absent in records from before there was that. */
  readonly userQuotas?: readonly UserQuota[];
  readonly users: readonly string[];
  /** The machine that shows it as a folder of its own; absent: none. */
  readonly mount?: ShareMountWish;
  /** PHC string of the share's own password. */
  readonly passwordHash: string;
  /** Served by SMB too; absent in records from before there was that. */
  readonly smb?: boolean;
  /** Whether what is done in mounts and by SMB is recorded; absent: of WebDAV alone. */
  readonly audit?: 'all' | 'strict';
  /** What machines overwrite is kept so long, and so much of it; absent: it is not. */
  readonly rollback?: { readonly keptMs: number; readonly maxBytes: number };
  readonly createdAtMs: number;
}

const PUT = `INSERT INTO shares (name, body) VALUES (?, ?)
  ON CONFLICT (name) DO UPDATE SET body = excluded.body`;

/** The shares of a daemon in the table `shares` of its database. */
export class ShareStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async all(): Promise<StoredShare[]> {
    const rows = await this.#database.read({ sql: 'SELECT body FROM shares ORDER BY name' });
    return rows.map(shareOf);
  }

  async put(share: StoredShare): Promise<void> {
    await this.#database.write([{ sql: PUT, values: [share.name, JSON.stringify(share)] }]);
  }

  async remove(name: string): Promise<void> {
    await this.#database.write([{ sql: 'DELETE FROM shares WHERE name = ?', values: [name] }]);
  }
}

function shareOf(row: SqlRow): StoredShare {
  try {
    return JSON.parse(String(row['body'])) as StoredShare;
  } catch (cause) {
    throw new CausewayError('CW_DAEMON_STATE', 'the record of a share is damaged', { cause });
  }
}
