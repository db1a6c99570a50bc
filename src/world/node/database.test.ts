import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { openNodeDatabase } from './database.ts';

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-database-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const code = (expected: ErrorCode) => (thrown: unknown) =>
  thrown instanceof CausewayError && thrown.code === expected && thrown.message !== '';

test('what was written is there for the next read and after the next open', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'state.db');
    {
      await using database = await openNodeDatabase(path);
      await database.write([{ sql: 'CREATE TABLE t (n INTEGER PRIMARY KEY, text TEXT, blob BLOB)' }]);
      const sql = 'INSERT INTO t VALUES (?, ?, ?)';
      void database.write([
        { sql, values: [2 ** 53 - 1, 'ä', Uint8Array.of(1, 0)] },
        { sql, values: [1, null, null] },
      ]);
      const rows = await database.read({ sql: 'SELECT * FROM t WHERE n > ? ORDER BY n', values: [0] });
      assert.deepEqual(rows, [
        { n: 1, text: null, blob: null },
        { n: 2 ** 53 - 1, text: 'ä', blob: Uint8Array.of(1, 0) },
      ]);
    }
    await using again = await openNodeDatabase(path);
    assert.deepEqual(await again.read({ sql: 'SELECT count(*) AS count FROM t' }), [{ count: 2 }]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
  }));

test('it is in WAL mode and flushes at each commit', () =>
  inFolder(async (folder) => {
    await using database = await openNodeDatabase(join(folder, 'state.db'));
    assert.deepEqual(await database.read({ sql: 'PRAGMA journal_mode' }), [{ journal_mode: 'wal' }]);
    assert.deepEqual(await database.read({ sql: 'PRAGMA synchronous' }), [{ synchronous: 2 }]);
  }));

test('a transaction with a statement that fails leaves nothing', () =>
  inFolder(async (folder) => {
    await using database = await openNodeDatabase(join(folder, 'state.db'));
    await database.write([{ sql: 'CREATE TABLE t (n INTEGER PRIMARY KEY)' }]);
    const insert = { sql: 'INSERT INTO t VALUES (1)' };
    await assert.rejects(database.write([insert, insert]), code('CW_INTERNAL'));
    assert.deepEqual(await database.read({ sql: 'SELECT * FROM t' }), []);
    await database.write([insert]);
    assert.deepEqual(await database.read({ sql: 'SELECT * FROM t' }), [{ n: 1 }]);
  }));

test('a file that is no database, or is damaged inside, is CW_DAEMON_STATE', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'state.db');
    writeFileSync(path, 'not a database'.repeat(1000));
    await assert.rejects(openNodeDatabase(path), code('CW_DAEMON_STATE'));
    rmSync(path);
    const raw = new DatabaseSync(path);
    raw.exec(`CREATE TABLE t (text TEXT); INSERT INTO t VALUES (hex(zeroblob(100000)))`);
    raw.close();
    const { size } = statSync(path);
    writeFileSync(path, new Uint8Array(4096).fill(0xff), { flag: 'r+' });
    assert.equal(statSync(path).size, Math.max(4096, size));
    await assert.rejects(openNodeDatabase(path), code('CW_DAEMON_STATE'));
  }));

test('a folder that is missing is CW_DISK_NOT_FOUND', () =>
  inFolder(async (folder) => {
    await assert.rejects(openNodeDatabase(join(folder, 'no', 'state.db')), code('CW_DISK_NOT_FOUND'));
  }));

test('calls beyond the limit are refused, those before it are served', () =>
  inFolder(async (folder) => {
    await using database = await openNodeDatabase(join(folder, 'state.db'));
    const read = () => database.read({ sql: 'SELECT 1 AS one' });
    const served = Array.from({ length: LIMITS.databaseCallsMax.value }, read);
    await assert.rejects(read(), code('CW_LIMIT'));
    await Promise.all(served);
    assert.deepEqual(await read(), [{ one: 1 }]);
  }));

test('a closed database has done what it was told before, and takes no more', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'state.db');
    const database = await openNodeDatabase(path);
    const written = database.write([{ sql: 'CREATE TABLE t (n)' }, { sql: 'INSERT INTO t VALUES (7)' }]);
    await database.close();
    await written;
    await assert.rejects(database.read({ sql: 'SELECT 1' }), code('CW_LINK_CLOSED'));
    await database.close();
    await using again = await openNodeDatabase(path);
    assert.deepEqual(await again.read({ sql: 'SELECT n FROM t' }), [{ n: 7 }]);
  }));
