import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { equalBytes } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { hashBytes } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import { openNodeDatabase } from '../../world/node/database.ts';
import { type FileIndex, type FileStamp, type IndexEntry, NO_FILE_INDEX } from './file_index.ts';
import type { IndexPlace } from './index_database.ts';
import type { IndexBounds } from './index_trim.ts';
import { SqlFileIndex } from './sql_file_index.ts';

const DAY_MS = 24 * 3_600_000;
const READ_AT_MS = 1_800_000_000_000;
const CHUNKING = 'fixed/65536';
const scratch = mkdtempSync(join(tmpdir(), 'causeway-index-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

/** A database file of its own, and the index on it. */
class Rig {
  readonly path = join(mkdtempSync(join(scratch, 'rig-')), 'index.db');
  readonly troubles: string[] = [];
  nowMs = READ_AT_MS;
  readonly #bounds: IndexBounds | undefined;

  constructor(bounds?: IndexBounds) {
    this.#bounds = bounds;
  }

  index(place: Partial<IndexPlace> = {}): FileIndex {
    const own: IndexPlace = {
      open: () => openNodeDatabase(this.path),
      remove: async () => {
        for (const suffix of ['', '-wal', '-shm']) rmSync(this.path + suffix, { force: true });
      },
    };
    return new SqlFileIndex({
      place: { ...own, ...place },
      clock: { wallMs: () => this.nowMs },
      onTrouble: (what) => this.troubles.push(what),
      ...(this.#bounds && { bounds: this.#bounds }),
    });
  }

  /** Lets `body` use an index, then closes it. */
  async use<T>(body: (index: FileIndex) => Promise<T>): Promise<T> {
    const index = this.index();
    try {
      return await body(index);
    } finally {
      await index.close();
    }
  }

  /** Changes the database behind the back of the index. */
  tamper(sql: string): void {
    const database = new DatabaseSync(this.path);
    database.exec(sql);
    database.close();
  }
}

const stamp = (change: Partial<FileStamp> = {}): FileStamp => ({
  sizeBytes: 1234,
  mtimeNs: 1_700_000_000_123_456_789n,
  ctimeNs: 1_700_000_001_987_654_321n,
  inode: '18446744073709551615',
  deviceId: '65024',
  ...change,
});

const entry = (path: string, change: Partial<IndexEntry> = {}): IndexEntry => ({
  path,
  stamp: stamp(),
  readAtMs: READ_AT_MS,
  chunking: CHUNKING,
  root: hashBytes(Buffer.from(path)),
  chunks: null,
  ...change,
});

async function unchanged(index: FileIndex, path: string, now: FileStamp = stamp()): Promise<boolean | null> {
  const [hit] = await index.lookup([{ path, stamp: now }]);
  return hit === null || hit === undefined ? null : hit.unchanged;
}

test('a file that was read is known again, in this process and the next', async () => {
  const rig = new Rig();
  await rig.use((index) => index.remember([entry('/a'), entry('/数据 "quoted" \n', { chunking: 'other' })]));
  await rig.use(async (index) => {
    const paths = ['/a', '/missing', '/数据 "quoted" \n', '/a'];
    const hits = await index.lookup(paths.map((path) => ({ path, stamp: stamp() })));
    assert.deepEqual(
      hits.map((hit) => hit && [hit.unchanged, hit.chunking, hit.hasChunks]),
      [[true, CHUNKING, false], null, [true, 'other', false], [true, CHUNKING, false]],
    );
    assert.ok(equalBytes(hits[0]!.root, hashBytes(Buffer.from('/a'))));
    await index.forget(['/a', '/missing']);
    assert.equal(await unchanged(index, '/a'), null);
  });
  assert.deepEqual(rig.troubles, []);
});

test('a file is unchanged only when all five attributes are the same', async () => {
  const rig = new Rig();
  await rig.use(async (index) => {
    await index.remember([entry('/a')]);
    const changes: Partial<FileStamp>[] = [
      { sizeBytes: 1235 },
      { mtimeNs: stamp().mtimeNs + 1n },
      { ctimeNs: stamp().ctimeNs + 1n },
      { inode: '1844674407370955161' },
      { deviceId: '65025' },
      // the same digits, divided otherwise
      { sizeBytes: 12, mtimeNs: 341_700_000_000_123_456_789n },
    ];
    for (const change of changes) assert.equal(await unchanged(index, '/a', stamp(change)), false);
    assert.equal(await unchanged(index, '/a'), true);
  });
});

test('a file that changed just before it was read, or in the future, is never trusted', async () => {
  const margin = LIMITS.indexRacyMarginMs.value;
  const readNs = BigInt(READ_AT_MS) * 1_000_000n;
  const ms = (count: number): bigint => BigInt(count) * 1_000_000n;
  const rows: [mtimeNs: bigint, ctimeNs: bigint, trusted: boolean][] = [
    [readNs - ms(margin), readNs - ms(margin), true],
    [readNs - ms(margin) + ms(1), readNs - ms(margin), false],
    [readNs - ms(margin), readNs - ms(margin) + ms(1), false],
    [readNs, readNs, false],
    [readNs + ms(DAY_MS), readNs - ms(DAY_MS), false],
    [readNs - ms(DAY_MS), readNs + 1n, false],
    [-5n, 0n, true],
  ];
  const rig = new Rig();
  await rig.use(async (index) => {
    for (const [at, [mtimeNs, ctimeNs, trusted]] of rows.entries()) {
      const path = `/${at}`;
      await index.remember([entry(path, { stamp: stamp({ mtimeNs, ctimeNs }) })]);
      assert.equal(await unchanged(index, path, stamp({ mtimeNs, ctimeNs })), trusted, `row ${at}`);
    }
  });
});

test('chunk lists are kept, replaced and given for changed files too', async () => {
  const rig = new Rig();
  const chunks = hashBytes(Buffer.from('a list'));
  await rig.use(async (index) => {
    await index.remember([entry('/a', { chunks }), entry('/b')]);
    assert.ok(equalBytes((await index.chunksOf('/a'))!, chunks));
    assert.equal(await index.chunksOf('/b'), null);
    assert.equal(await index.chunksOf('/missing'), null);
    const [hit] = await index.lookup([{ path: '/a', stamp: stamp({ sizeBytes: 1 }) }]);
    assert.deepEqual([hit?.unchanged, hit?.hasChunks], [false, true]);
    await index.remember([entry('/a', { chunks: chunks.slice(1) })]);
    assert.equal((await index.chunksOf('/a'))?.byteLength, 31);
    await index.remember([entry('/a')]);
    assert.equal(await index.chunksOf('/a'), null);
  });
});

test('a renamed file is found by its content', async () => {
  const rig = new Rig();
  const root = hashBytes(Buffer.from('content'));
  await rig.use(async (index) => {
    await index.remember([entry('/old', { root, chunks: root }), entry('/small', { root: hashBytes(root) })]);
    assert.equal(await index.findContent(CHUNKING, root), '/old');
    assert.equal(await index.findContent('fixed/131072', root), null);
    assert.equal(await index.findContent(CHUNKING, hashBytes(root)), null, 'small files are not worth it');
    await index.forget(['/old']);
    assert.equal(await index.findContent(CHUNKING, root), null);
  });
});

test('more files than one statement takes', async () => {
  const rig = new Rig();
  const count = 2 * LIMITS.indexBatchFiles.value + 3;
  const entries = Array.from({ length: count }, (_, i) => entry(`/folder/${i}`));
  await rig.use(async (index) => {
    await index.remember(entries);
    const hits = await index.lookup(entries.map(({ path, stamp }) => ({ path, stamp })));
    assert.equal(hits.length, count);
    for (const [i, hit] of hits.entries()) assert.ok(equalBytes(hit!.root, entries[i]!.root));
    await index.forget(entries.map(({ path }) => path));
    assert.equal(await unchanged(index, `/folder/${count - 1}`), null);
  });
});

test('the longest unused files are forgotten when there are too many', async () => {
  const rig = new Rig({ files: 160, listBytes: 1_000_000 });
  const paths = (prefix: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `/${prefix}${i}`);
  await rig.use(async (index) => {
    await index.remember(paths('old', 100).map((path) => entry(path)));
    rig.nowMs += 3 * DAY_MS;
    await index.lookup(paths('old', 20).map((path) => ({ path, stamp: stamp() })));
    await index.remember(paths('new', 100).map((path) => entry(path)));
    const known = async (path: string): Promise<boolean> => (await unchanged(index, path)) !== null;
    for (const path of [...paths('old', 20), ...paths('new', 100)]) assert.ok(await known(path), path);
    const left = await Promise.all(paths('old', 100).map(known));
    assert.equal(left.filter(Boolean).length, 50, '150 are left: what is kept of the bound');
  });
});

test('chunk lists are forgotten when they take too much, the longest unused first', async () => {
  const rig = new Rig({ files: 1_000, listBytes: 100_000 });
  const chunks = new Uint8Array(10_000);
  await rig.use(async (index) => {
    for (let i = 0; i < 8; i += 1) await index.remember([entry(`/${i}`, { chunks })]);
    rig.nowMs += DAY_MS;
    await index.chunksOf('/0');
    for (let i = 8; i < 11; i += 1) await index.remember([entry(`/${i}`, { chunks })]);
    const kept: number[] = [];
    for (let i = 0; i < 11; i += 1) if ((await index.chunksOf(`/${i}`)) !== null) kept.push(i);
    assert.equal(kept.length, 9);
    assert.ok([0, 8, 9, 10].every((i) => kept.includes(i)));
  });
});

test('looking files up writes nothing within a day', async () => {
  const rig = new Rig();
  await rig.use((index) => index.remember([entry('/a')]));
  const before = readFileSync(rig.path);
  await rig.use((index) => unchanged(index, '/a'));
  assert.ok(equalBytes(readFileSync(rig.path), before));
  rig.nowMs += DAY_MS;
  await rig.use((index) => unchanged(index, '/a'));
  assert.ok(!equalBytes(readFileSync(rig.path), before));
});

test('a row or a list that is not what was written is not given', async () => {
  const chunks = hashBytes(Buffer.from('list'));
  const flip = (at: number): string =>
    `UPDATE file SET record = unhex(substr(hex(record), 1, ${2 * at}) || 'A5' || substr(hex(record), ${2 * at + 3}))`;
  for (const damage of [
    ...[0, 5, 9, 12, 13, 44, 45, 60].map(flip),
    'UPDATE file SET record = zeroblob(length(record))',
    'UPDATE file SET record = zeroblob(0)',
    'UPDATE file SET record = substr(record, 1, length(record) - 1)',
    `UPDATE file SET path = '/b'`,
  ]) {
    const rig = new Rig();
    await rig.use((index) => index.remember([entry('/a', { chunks })]));
    rig.tamper(damage);
    await rig.use(async (index) => {
      assert.deepEqual(
        await index.lookup(['/a', '/b'].map((path) => ({ path, stamp: stamp() }))),
        [null, null],
        damage,
      );
      assert.equal(await index.chunksOf('/a'), null);
      assert.equal(await index.findContent(CHUNKING, entry('/a').root), null);
    });
  }
  const rig = new Rig();
  await rig.use((index) => index.remember([entry('/a', { chunks })]));
  rig.tamper(`UPDATE list SET chunks = zeroblob(32)`);
  await rig.use(async (index) => {
    assert.equal(await index.chunksOf('/a'), null);
    assert.equal(await unchanged(index, '/a'), null, 'and it is forgotten');
  });
});

test('a database that is damaged, of another version or without its tables is begun afresh, and said', async () => {
  const damages: ((rig: Rig) => void)[] = [
    (rig) => writeFileSync(rig.path, 'this is no database, but long enough to be looked at'.repeat(200)),
    (rig) => writeFileSync(rig.path, readFileSync(rig.path).subarray(0, 5_000)),
    (rig) => rig.tamper('PRAGMA user_version = 99'),
    (rig) => rig.tamper('DROP TABLE file'),
    (rig) => rig.tamper('ALTER TABLE file RENAME COLUMN record TO stem'),
  ];
  for (const damage of damages) {
    const rig = new Rig();
    await rig.use((index) => index.remember([entry('/a')]));
    damage(rig);
    await rig.use(async (index) => {
      assert.equal(await unchanged(index, '/a'), null);
      await index.remember([entry('/b')]);
      assert.equal(await unchanged(index, '/b'), true);
    });
    assert.equal(rig.troubles.length, 1);
    assert.match(rig.troubles[0]!, /begun afresh/);
    assert.equal(await rig.use((index) => unchanged(index, '/b')), true);
  }
});

test('whatever bytes are flipped in the file, an answer is right or missing', async (t) => {
  const { seed, random } = seededChance();
  t.diagnostic(`SEED=${seed}`);
  const rig = new Rig();
  const entries = Array.from({ length: 60 }, (_, i) =>
    entry(`/folder/${i}`, { chunks: i % 5 === 0 ? Buffer.alloc(700, i) : null }),
  );
  await rig.use((index) => index.remember(entries));
  const whole = readFileSync(rig.path);
  for (let round = 0; round < 25; round += 1) {
    const bytes = Buffer.from(whole);
    const flips = 1 + Math.floor(random() * 40);
    for (let i = 0; i < flips; i += 1) bytes[Math.floor(random() * bytes.byteLength)]! ^= 1 << (random() * 8);
    writeFileSync(rig.path, bytes);
    await rig.use(async (index) => {
      const hits = await index.lookup(entries.map(({ path, stamp: now }) => ({ path, stamp: now })));
      for (const [i, hit] of hits.entries()) {
        const { root, chunking, chunks, path } = entries[i]!;
        if (hit === null) continue;
        assert.ok(equalBytes(hit.root, root) && hit.chunking === chunking && hit.unchanged, `SEED=${seed}`);
        const list = await index.chunksOf(path);
        assert.ok(list === null || (chunks !== null && equalBytes(list, chunks)), `SEED=${seed}`);
      }
    });
  }
});

test('a place that cannot be used is done without, and said once', async () => {
  const rig = new Rig();
  const index = rig.index({
    open: async () => {
      throw new CausewayError('CW_DISK_PERMISSION', 'cannot open it');
    },
  });
  await index.remember([entry('/a')]);
  assert.equal(await unchanged(index, '/a'), null);
  assert.equal(await index.chunksOf('/a'), null);
  assert.equal(rig.troubles.length, 1);
  await index.close();
});

test('a database that is destroyed again and again is left alone', async () => {
  const rig = new Rig();
  let opened = 0;
  const index = rig.index({
    open: async () => {
      opened += 1;
      throw new CausewayError('CW_DAEMON_STATE', 'damaged');
    },
  });
  for (let i = 0; i < 10; i += 1) assert.equal(await unchanged(index, '/a'), null);
  assert.ok(opened < 6, `opened ${opened} times`);
  assert.match(rig.troubles.at(-1)!, /not used/);
  await index.close();
});

test('after its close an index knows nothing, and no index never does', async () => {
  const rig = new Rig();
  const index = rig.index();
  await index.remember([entry('/a')]);
  await index.close();
  assert.equal(await unchanged(index, '/a'), null);
  assert.equal(await unchanged(NO_FILE_INDEX, '/a'), null);
});
