import { CausewayError } from '../base/errors.ts';
import type { Database } from '../world/database.ts';

/** One step from an older layout of a database to a newer one; never changed once it was released. */
export interface Migration {
  /** 1, 2, 3 … without a gap. */
  readonly number: number;
  readonly name: string;
  readonly statements: readonly string[];
}

const TABLE = `CREATE TABLE IF NOT EXISTS migrations (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at_ms INTEGER NOT NULL
) STRICT`;

/**
 * Brings a database to the newest layout: each step that is missing in one transaction with its note in the table
 * `migrations`. CW_DAEMON_STATE where a newer version of the program has changed the layout.
 */
export async function migrate(
  database: Database,
  migrations: readonly Migration[],
  nowWallMs: number,
): Promise<void> {
  await database.write([{ sql: TABLE }]);
  const rows = await database.read({ sql: 'SELECT number FROM migrations' });
  const applied = new Set(rows.map((row) => row['number']));
  const known = new Set<unknown>(migrations.map(({ number }) => number));
  for (const number of applied)
    if (!known.has(number))
      throw new CausewayError(
        'CW_DAEMON_STATE',
        `the state in the data directory was changed by a newer version (migration ${number})`,
      );
  for (const { number, name, statements } of migrations) {
    if (applied.has(number)) continue;
    await database.write([
      ...statements.map((sql) => ({ sql })),
      {
        sql: 'INSERT INTO migrations (number, name, applied_at_ms) VALUES (?, ?, ?)',
        values: [number, name, Math.floor(nowWallMs)],
      },
    ]);
  }
}
