import type { Database, SqlValue } from '../../world/database.ts';

export interface IndexBounds {
  readonly files: number;
  readonly listBytes: number;
}

/** What is kept of a bound when it is exceeded, so that not every write trims. */
const KEPT_SHARE = 15 / 16;
/** Files with lists that are looked at in one go. */
const BATCH = 1_024;

/** Forgets the files that were not looked up for longest, until both bounds hold; gives how much room is left below them. */
export async function trimIndex(database: Database, bounds: IndexBounds): Promise<IndexBounds> {
  const files = await number(database, 'SELECT count(*) AS n FROM file');
  if (files > bounds.files) {
    const surplus = files - Math.floor(bounds.files * KEPT_SHARE);
    await database.write([
      { sql: 'DELETE FROM file WHERE id IN (SELECT id FROM file ORDER BY used LIMIT ?)', values: [surplus] },
      { sql: 'DELETE FROM list WHERE path NOT IN (SELECT path FROM file)' },
    ]);
  }
  const sum = 'SELECT coalesce(sum(list_bytes), 0) AS n FROM file WHERE content IS NOT NULL';
  const listBytes = await number(database, sum);
  if (listBytes > bounds.listBytes)
    await dropLists(database, listBytes - Math.floor(bounds.listBytes * KEPT_SHARE));
  return {
    files: bounds.files - (await number(database, 'SELECT count(*) AS n FROM file')),
    listBytes: bounds.listBytes - (await number(database, sum)),
  };
}

async function dropLists(database: Database, surplusBytes: number): Promise<void> {
  for (let left = surplusBytes; left > 0; ) {
    const rows = await database.read({
      sql: 'SELECT path, list_bytes FROM file WHERE content IS NOT NULL ORDER BY used LIMIT ?',
      values: [BATCH],
    });
    const dropped: SqlValue[] = [];
    for (const { path, list_bytes: bytes } of rows) {
      if (left <= 0) break;
      dropped.push(path ?? null);
      left -= Number(bytes);
    }
    if (dropped.length === 0) return;
    await database.write(removal(dropped));
  }
}

/** Statements that forget files by their paths. */
export function removal(paths: readonly SqlValue[]): { readonly sql: string; readonly values: SqlValue[] }[] {
  return ['file', 'list'].map((table) => ({
    sql: `DELETE FROM ${table} WHERE path IN (SELECT value FROM json_each(?))`,
    values: [JSON.stringify(paths)],
  }));
}

async function number(database: Database, sql: string): Promise<number> {
  const [row] = await database.read({ sql });
  return Number(row?.['n']);
}
