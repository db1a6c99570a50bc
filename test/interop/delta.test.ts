import assert from 'node:assert/strict';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { Rig } from './rig.ts';
import { randomFile, sha256 } from './trees.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const SIZE = 96 * MIB;
const BLOCK = 64 * KIB;

/** What the copy of a changed file may cost beyond the changed bytes: hashes of the version there, and a header for each chunk. */
const overhead = (sizeBytes: number): number => 64 * KIB + sizeBytes / 500;

/** Changes a file in place, at the start of blocks of which one in a hundred is taken. */
function changeBlocks(path: string): number {
  const fd = openSync(path, 'r+');
  let changed = 0;
  for (let at = 7 * BLOCK; at < statSync(path).size; at += 100 * BLOCK) {
    writeSync(fd, Buffer.alloc(512, `change at ${at}`), 0, 512, at + 1_000);
    changed += 1;
  }
  closeSync(fd);
  return changed * BLOCK;
}

const CHANGES: readonly {
  readonly what: string;
  readonly name: string;
  /** Gives the bytes that have to travel. */
  change(path: string): number;
}[] = [
  { what: 'blocks of a disk image', name: 'disk.img', change: changeBlocks },
  {
    what: 'a byte at the start of a document',
    name: 'text.bin',
    change(path) {
      writeFileSync(path, Buffer.concat([Buffer.from('!'), readFileSync(path)]));
      return 256 * KIB;
    },
  },
  {
    what: 'what is appended',
    name: 'log.txt',
    change(path) {
      const more = join(path, '..', 'more');
      randomFile(more, MIB);
      writeFileSync(path, readFileSync(more), { flag: 'a' });
      return MIB + 256 * KIB;
    },
  },
  {
    what: 'what is cut off',
    name: 'short.bin',
    change(path) {
      writeFileSync(path, readFileSync(path).subarray(0, SIZE - 5 * MIB - 17));
      return 256 * KIB;
    },
  },
  {
    what: 'nothing but the time',
    name: 'touched.bin',
    change(path) {
      utimesSync(path, 1_700_000_000, 1_700_000_000);
      return 0;
    },
  },
];

describe('of a changed file only the changes travel', () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.start();
  });
  after(() => rig[Symbol.asyncDispose]());

  async function copy(direction: 'in' | 'out', source: string, destination: string): Promise<JobView> {
    const end = await rig.waitJob((await rig.startJob(direction, source, destination)).id);
    assert.equal(end.state, 'done', JSON.stringify(end.error ?? end.problems));
    assert.equal(sha256(join(destination, source.slice(source.lastIndexOf('/') + 1))), sha256(source));
    return end;
  }

  for (const { what, name, change } of CHANGES) {
    test(what, { timeout: 120_000 }, async (t) => {
      const source = join(rig.hostFiles, name);
      randomFile(source, SIZE);
      await copy('in', source, rig.guestFiles);
      const most = change(source) + overhead(SIZE);
      const end = await copy('in', source, rig.guestFiles);
      t.diagnostic(`${end.sentBytes} bytes sent of ${end.plannedBytes}, ${end.reusedBytes} reused`);
      assert.ok(end.sentBytes <= most, `${end.sentBytes} bytes sent, at most ${most} were expected`);
      assert.equal(end.sentBytes + end.reusedBytes, end.plannedBytes);
      assert.equal(statSync(join(rig.guestFiles, name)).mtimeMs, statSync(source).mtimeMs);
    });
  }

  test('a renamed file is taken from where it stands under its earlier name', {
    timeout: 120_000,
  }, async (t) => {
    const folder = join(rig.guestFiles, 'renamed');
    mkdirSync(folder);
    for (let at = 0; at < 50; at += 1) writeFileSync(join(folder, `beside${at}`), 'x');
    const before = join(rig.hostFiles, 'before.bin');
    randomFile(before, SIZE);
    await copy('in', before, folder);
    const source = join(rig.hostFiles, 'after.bin');
    renameSync(before, source);
    const end = await copy('in', source, folder);
    t.diagnostic(`${end.sentBytes} bytes sent of ${end.plannedBytes}, ${end.reusedBytes} reused`);
    assert.deepEqual([end.sentBytes, end.reusedBytes], [0, SIZE]);
    assert.equal(sha256(join(folder, 'before.bin')), sha256(source), 'the earlier name keeps what it has');
  });

  test('a file of the same size and time with another content is no harm', { timeout: 120_000 }, async () => {
    const folder = join(rig.guestFiles, 'twins');
    mkdirSync(folder);
    const source = join(rig.hostFiles, 'one.img');
    randomFile(source, 4 * MIB);
    const twin = join(folder, 'two.img');
    randomFile(twin, 4 * MIB);
    for (const path of [source, twin]) utimesSync(path, 1_700_000_000, 1_700_000_000);
    const end = await copy('in', source, folder);
    assert.equal(end.sentBytes, 4 * MIB);
  });

  test('the other way, from the machine to the host', { timeout: 120_000 }, async () => {
    const source = join(rig.guestFiles, 'back.img');
    randomFile(source, SIZE);
    await copy('out', source, rig.hostFiles);
    const most = changeBlocks(source) + overhead(SIZE);
    const end = await copy('out', source, rig.hostFiles);
    assert.ok(
      end.receivedBytes <= most,
      `${end.receivedBytes} bytes received, at most ${most} were expected`,
    );
    assert.equal(end.receivedBytes + end.reusedBytes, end.plannedBytes);
  });

  test('--whole-file sends it in whole', { timeout: 120_000 }, async () => {
    const source = join(rig.hostFiles, 'whole.img');
    randomFile(source, 8 * MIB);
    await copy('in', source, rig.guestFiles);
    changeBlocks(source);
    const told = await rig.cli('cp', '--whole-file', '--json', source, `vm:${rig.guestFiles}`);
    assert.equal(told.code, 0, told.err);
    const end = JSON.parse(told.out.trim().split('\n').at(-1)!) as JobView;
    assert.deepEqual([end.sentBytes, end.reusedBytes], [8 * MIB, 0]);
  });

  test('a version there of another file is no help and no harm', { timeout: 120_000 }, async () => {
    const source = join(rig.hostFiles, 'other.bin');
    randomFile(source, 16 * MIB);
    randomFile(join(rig.guestFiles, 'other.bin'), 9 * MIB);
    const end = await copy('in', source, rig.guestFiles);
    assert.equal(end.sentBytes, 16 * MIB);
  });

  test('what is there is old until the new is whole', { timeout: 120_000 }, async () => {
    const source = join(rig.hostFiles, 'kept.img');
    randomFile(source, SIZE);
    const there = join(rig.guestFiles, 'kept.img');
    await copy('in', source, rig.guestFiles);
    const old = sha256(there);
    copyFileSync(there, join(rig.folder, 'twin'));
    changeBlocks(source);
    const started = await rig.client.call(
      'startJob',
      {},
      {
        direction: 'in',
        vm: 'vm',
        sources: [source],
        destination: rig.guestFiles,
        limitBytesPerSecond: 64 * KIB,
      },
    );
    for (;;) {
      const job = await rig.job(started.id);
      if (job.durableBytes > 0 || job.sentBytes > 0) break;
    }
    assert.equal(sha256(there), old);
    assert.equal((await rig.client.call('cancelJob', { id: started.id })).state, 'cancelled');
    assert.equal(sha256(there), old);
  });
});
