// New files of a mount over the link, which its kernel writes past its pages: everybody on the machine sees the same bytes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { loadFfi } from '../../src/world/node/syscalls.ts';
import { startFarMount } from './far_rig.ts';
import { skip } from './rig.ts';

const ROUNDS = 60;
const MAPPED_BYTES = 128 * 1024;
const [PROT_READ, MAP_SHARED] = [1, 1];

describe('a new file of a mount over the link', { skip }, () => {
  it('is read as it grows and changes, by who opened it before and after each write', async () => {
    await using far = await startFarMount();
    const file = path.join(far.mountpoint, 'log');
    const writer = fs.openSync(file, 'wx');
    const reader = fs.openSync(file, 'r');
    const kept = Buffer.alloc(64 * 1024);
    let expected = Buffer.alloc(0);
    const sees = (fd: number, what: string) => {
      const count = fs.readSync(fd, kept, 0, kept.length, 0);
      assert.ok(kept.subarray(0, count).equals(expected), `${what} reads what was written`);
    };
    try {
      for (let round = 1; round <= ROUNDS; round += 1) {
        // neither sizes nor places are those of pages
        const more = Buffer.alloc(1 + ((round * 397) % 1_500), round);
        fs.writeSync(writer, more, 0, more.length, expected.length);
        expected = Buffer.concat([expected, more]);
        sees(reader, 'who had it open');
        const at = (round * 131) % expected.length;
        fs.writeSync(writer, Buffer.from([round]), 0, 1, at);
        expected[at] = round;
        sees(reader, 'who had it open');
        const late = fs.openSync(file, 'r');
        sees(late, 'who opened it now');
        fs.closeSync(late);
        assert.equal(fs.fstatSync(reader).size, expected.length);
      }
    } finally {
      fs.closeSync(writer);
    }
    const [again, changing] = [fs.openSync(file, 'r'), fs.openSync(file, 'r+')];
    try {
      fs.writeSync(changing, Buffer.from('changed'), 0, 7, 5);
      expected.set(Buffer.from('changed'), 5);
      for (const fd of [reader, again]) sees(fd, 'who has it open when its writer has left');
    } finally {
      for (const fd of [reader, again, changing]) fs.closeSync(fd);
    }
    assert.ok(fs.readFileSync(file).equals(expected));
  });

  it('is in the memory of who has mapped it as it was written last', async () => {
    await using far = await startFarMount();
    const file = path.join(far.mountpoint, 'file');
    const writer = fs.openSync(file, 'wx');
    fs.writeSync(writer, Buffer.alloc(MAPPED_BYTES));
    const reader = fs.openSync(file, 'r');
    const ffi = loadFfi();
    const { functions: libc } = ffi.dlopen(null, {
      mmap: { return: 'u64', arguments: ['u64', 'u64', 'i32', 'i32', 'i32', 'i64'] },
      munmap: { return: 'i32', arguments: ['u64', 'u64'] },
    });
    const at = libc.mmap(0n, BigInt(MAPPED_BYTES), PROT_READ, MAP_SHARED, reader, 0n);
    try {
      assert.notEqual(at, 2n ** 64n - 1n, 'the file is mapped');
      const pages = ffi.toBuffer(at, MAPPED_BYTES, false);
      const expected = Buffer.alloc(MAPPED_BYTES);
      assert.ok(pages.equals(expected));
      for (let round = 1; round <= ROUNDS; round += 1) {
        const bytes = Buffer.alloc(1 + ((round * 2_711) % 20_000), round);
        const place = (round * 7_919) % (MAPPED_BYTES - bytes.length);
        fs.writeSync(writer, bytes, 0, bytes.length, place);
        bytes.copy(expected, place);
        assert.ok(pages.equals(expected), `after write ${round}`);
      }
      assert.equal(libc.munmap(at, BigInt(MAPPED_BYTES)), 0);
    } finally {
      for (const fd of [reader, writer]) fs.closeSync(fd);
    }
  });
});
