import { equalBytes } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import { crc32c } from '../../wire/crc32c.ts';
import type { Clock } from '../../world/clock.ts';
import type { Database, SqlStatement } from '../../world/database.ts';
import type { FileIndex, IndexEntry, IndexHit, IndexQuery } from './file_index.ts';
import { IndexDatabase, type IndexPlace } from './index_database.ts';
import { type FileRow, insertFile, parseFile, rowOf, stampText } from './index_row.ts';
import { type IndexBounds, removal, trimIndex } from './index_trim.ts';

export interface SqlFileIndexOptions {
  readonly place: IndexPlace;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Told in words when the index had to be begun afresh, or cannot be used; at most once for each. */
  readonly onTrouble: (what: string) => void;
  /** Default LIMITS.indexFilesMax and LIMITS.indexChunkListsMaxBytes. */
  readonly bounds?: IndexBounds;
}

/** A {@link FileIndex} in a SQLite database. Opened at its first use. */
export class SqlFileIndex implements FileIndex {
  readonly #database: IndexDatabase;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #bounds: IndexBounds;
  /** What may be written before it is counted again how much there is. */
  #room: IndexBounds = { files: 0, listBytes: 0 };

  constructor(options: SqlFileIndexOptions) {
    this.#clock = options.clock;
    this.#bounds = options.bounds ?? {
      files: LIMITS.indexFilesMax.value,
      listBytes: LIMITS.indexChunkListsMaxBytes.value,
    };
    this.#database = new IndexDatabase(options.place, options.onTrouble);
  }

  async lookup(queries: readonly IndexQuery[]): Promise<(IndexHit | null)[]> {
    const hits: (IndexHit | null)[] = [];
    for (let at = 0; at < queries.length; at += LIMITS.indexBatchFiles.value) {
      const batch = queries.slice(at, at + LIMITS.indexBatchFiles.value);
      const rows = await this.#database.use((database) =>
        this.#readRows(
          database,
          batch.map(({ path }) => path),
        ),
      );
      for (const { path, stamp } of batch) hits.push(hitOf(rows?.get(path), stampText(stamp)));
    }
    return hits;
  }

  async chunksOf(path: string): Promise<Uint8Array | null> {
    const found = await this.#database.use(async (database) => {
      const row = (await this.#readRows(database, [path])).get(path);
      if (row === undefined || row.listBytes === 0) return null;
      const [list] = await database.read({ sql: 'SELECT chunks FROM list WHERE path = ?', values: [path] });
      const chunks = list?.['chunks'];
      const whole = chunks instanceof Uint8Array && crc32c(chunks) === row.listCheck;
      if (!whole) await database.write(removal([path]));
      return whole ? chunks : null;
    });
    return found ?? null;
  }

  async findContent(chunking: string, root: Uint8Array): Promise<string | null> {
    const found = await this.#database.use(async (database) => {
      const sql = 'SELECT path, record FROM file WHERE content = ? LIMIT 8';
      const rows = await database.read({ sql, values: [root] });
      const whole = rows
        .map(parseFile)
        .find((row) => row?.chunking === chunking && equalBytes(row.root, root));
      return whole?.path ?? null;
    });
    return found ?? null;
  }

  async remember(entries: readonly IndexEntry[]): Promise<void> {
    const used = this.#period();
    for (let at = 0; at < entries.length; at += LIMITS.indexBatchFiles.value) {
      const batch = entries.slice(at, at + LIMITS.indexBatchFiles.value);
      const statements = batch.flatMap((entry) => statementsOf(entry, used));
      const bytes = batch.reduce((sum, { chunks }) => sum + (chunks?.byteLength ?? 0), 0);
      await this.#database.use(async (database) => {
        await database.write(statements);
        await this.#trimWhenGrown(database, batch.length, bytes);
      });
    }
  }

  async forget(paths: readonly string[]): Promise<void> {
    for (let at = 0; at < paths.length; at += LIMITS.indexBatchFiles.value) {
      const batch = paths.slice(at, at + LIMITS.indexBatchFiles.value);
      await this.#database.use((database) => database.write(removal(batch)));
    }
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  /** Rows by path. Damaged ones are removed; those not looked up for long are noted as used again. */
  async #readRows(database: Database, paths: readonly string[]): Promise<Map<string, FileRow>> {
    const sql =
      'SELECT file.path, record, used FROM json_each(?) AS wanted JOIN file ON file.path = wanted.value';
    const answer = await database.read({ sql, values: [JSON.stringify(paths)] });
    const rows = new Map<string, FileRow>();
    const damaged: string[] = [];
    const stale: string[] = [];
    const now = this.#period();
    for (const sqlRow of answer) {
      const row = parseFile(sqlRow);
      if (row === null) damaged.push(String(sqlRow['path']));
      else rows.set(row.path, row);
      if (row !== null && sqlRow['used'] !== now) stale.push(row.path);
    }
    const statements: SqlStatement[] = damaged.length > 0 ? removal(damaged) : [];
    if (stale.length > 0) {
      const touch = 'UPDATE file SET used = ? WHERE path IN (SELECT value FROM json_each(?))';
      statements.push({ sql: touch, values: [now, JSON.stringify(stale)] });
    }
    if (statements.length > 0) await database.write(statements);
    return rows;
  }

  async #trimWhenGrown(database: Database, files: number, listBytes: number): Promise<void> {
    this.#room = { files: this.#room.files - files, listBytes: this.#room.listBytes - listBytes };
    if (this.#room.files < 0 || this.#room.listBytes < 0)
      this.#room = await trimIndex(database, this.#bounds);
  }

  /** Number of the present day, or whatever LIMITS.indexUseGranularityMs says. */
  #period(): number {
    return Math.floor(this.#clock.wallMs() / LIMITS.indexUseGranularityMs.value);
  }
}

function hitOf(row: FileRow | undefined, stamp: string): IndexHit | null {
  if (row === undefined) return null;
  const { chunking, root, listBytes } = row;
  return { unchanged: row.settled && row.stamp === stamp, chunking, root, hasChunks: listBytes > 0 };
}

function statementsOf(entry: IndexEntry, used: number): SqlStatement[] {
  const { path, chunks } = entry;
  const list =
    chunks === null
      ? { sql: 'DELETE FROM list WHERE path = ?', values: [path] }
      : { sql: 'INSERT OR REPLACE INTO list VALUES (?, ?)', values: [path, chunks] };
  return [insertFile(rowOf(entry), used), list];
}
