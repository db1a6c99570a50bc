import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { bindLookCalls, LOOK_WAYS } from './look_calls.ts';
import type { LookFields } from './look_fields.ts';

function fieldsOf(found: LookFields | string) {
  assert.ok(typeof found !== 'string', 'there is an answer');
  const { inode, linkCount, mode, userId, groupId, sizeBytes, allocatedBytes, mtimeNs, ctimeNs } = found;
  return { inode, linkCount, mode, userId, groupId, sizeBytes, allocatedBytes, mtimeNs, ctimeNs };
}

function expected(stat: fs.BigIntStats) {
  return {
    inode: stat.ino,
    linkCount: Number(stat.nlink),
    mode: Number(stat.mode),
    userId: Number(stat.uid),
    groupId: Number(stat.gid),
    sizeBytes: Number(stat.size),
    allocatedBytes: Number(stat.blocks) * 512,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
  };
}

for (const [name, way] of LOOK_WAYS)
  test(`${name} tells all there is to know of an entry`, {
    skip: process.platform !== 'linux' && 'calls of Linux',
  }, () => {
    if (way() === null) return; // an old libc: the other way is taken there
    const looks = bindLookCalls([way])!;
    const folder = fs.mkdtempSync(join(tmpdir(), 'causeway-look-'));
    const dirFd = fs.openSync(folder, fs.constants.O_RDONLY);
    try {
      const file = join(folder, 'ä');
      fs.writeFileSync(file, Buffer.alloc(70_001, 1));
      fs.linkSync(file, join(folder, 'second'));
      fs.chmodSync(file, 0o4751);
      fs.utimesSync(file, new Date(-1_500), new Date(-1_500));
      fs.symlinkSync('ä', join(folder, 'link'));
      for (const entry of ['ä', 'link', '.']) {
        const stat = expected(fs.lstatSync(join(folder, entry), { bigint: true }));
        assert.deepEqual(fieldsOf(looks.stat(dirFd, entry)), stat);
        assert.deepEqual(fieldsOf(looks.statHere(join(folder, entry))), stat);
      }
      const fd = fs.openSync(file, 'r');
      assert.deepEqual(fieldsOf(looks.statOf(fd)), expected(fs.fstatSync(fd, { bigint: true })));
      fs.closeSync(fd);
      assert.deepEqual(
        [looks.stat(dirFd, 'none'), looks.statHere(join(folder, 'none')), looks.stat(dirFd, 'ä/x')],
        ['gone', 'gone', 'failed'],
      );
      assert.deepEqual([looks.stat(-1, 'ä'), looks.statOf(-1)], ['failed', 'failed']);
    } finally {
      fs.closeSync(dirFd);
      fs.rmSync(folder, { recursive: true });
    }
  });
