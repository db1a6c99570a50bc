import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import type { Database } from '../world/database.ts';
import { openNodeDatabase } from '../world/node/database.ts';
import { type Migration, migrate } from './migrations.ts';
import { STATE_MIGRATIONS } from './state_database.ts';

const FIRST: Migration = { number: 1, name: 'first', statements: ['CREATE TABLE t (a INTEGER) STRICT'] };
const SECOND: Migration = {
  number: 2,
  name: 'second',
  statements: ['ALTER TABLE t ADD COLUMN b TEXT', `INSERT INTO t VALUES (1, 'x')`],
};

async function withDatabase(body: (database: Database) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-migrations-'));
  try {
    await using database = await openNodeDatabase(join(folder, 'state.db'));
    await body(database);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const applied = (database: Database) =>
  database.read({ sql: 'SELECT number, name, applied_at_ms FROM migrations ORDER BY number' });

test('each step is taken once, and noted', () =>
  withDatabase(async (database) => {
    await migrate(database, [FIRST], 1_000.5);
    await migrate(database, [FIRST, SECOND], 2_000);
    await migrate(database, [FIRST, SECOND], 3_000);
    assert.deepEqual(await applied(database), [
      { number: 1, name: 'first', applied_at_ms: 1_000 },
      { number: 2, name: 'second', applied_at_ms: 2_000 },
    ]);
    assert.deepEqual(await database.read({ sql: 'SELECT * FROM t' }), [{ a: 1, b: 'x' }]);
  }));

test('a step that fails leaves nothing and is taken the next time', () =>
  withDatabase(async (database) => {
    const broken = { ...SECOND, statements: [...SECOND.statements, 'nonsense'] };
    await assert.rejects(migrate(database, [FIRST, broken], 1_000));
    assert.equal((await applied(database)).length, 1);
    await migrate(database, [FIRST, SECOND], 2_000);
    assert.deepEqual(await database.read({ sql: 'SELECT * FROM t' }), [{ a: 1, b: 'x' }]);
  }));

test('a layout of a newer version is refused', () =>
  withDatabase(async (database) => {
    await migrate(database, [FIRST, SECOND], 1_000);
    await assert.rejects(
      migrate(database, [FIRST], 2_000),
      (thrown) => thrown instanceof CausewayError && thrown.code === 'CW_DAEMON_STATE',
    );
  }));

test('the steps of the daemon are numbered without a gap', () => {
  assert.deepEqual(
    STATE_MIGRATIONS.map(({ number }) => number),
    STATE_MIGRATIONS.map((_, at) => at + 1),
  );
});
