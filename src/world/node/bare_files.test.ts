import assert from 'node:assert/strict';
import { endianness } from 'node:os';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { BareFiles, tellsOfAttributes } from './bare_files.ts';
import { LookFields, STATX } from './look_fields.ts';

/** Of a `struct statx`, what is asked for. */
function look({ inode = 7n, ctimeS = 1_000, ctimeNs = 5, minor = 1 } = {}): LookFields {
  const view = new DataView(new ArrayBuffer(256));
  const little = endianness() === 'LE';
  view.setBigUint64(32, inode, little);
  view.setBigInt64(96, BigInt(ctimeS), little);
  view.setUint32(104, ctimeNs, little);
  view.setUint32(136, 8, little);
  view.setUint32(140, minor, little);
  return new LookFields(view, STATX);
}

test('a file without attributes is known by inode, change time and device', () => {
  const files = new BareFiles();
  assert.equal(files.has(look()), false);
  files.add(look(), 2_000);
  assert.equal(files.has(look()), true);
  for (const other of [
    { inode: 8n },
    { inode: 7n + 2n ** 32n },
    { inode: 7n + BigInt(LIMITS.bareFilesMax.value) },
    { ctimeS: 1_001 },
    { ctimeNs: 6 },
    { minor: 2 },
  ])
    assert.equal(
      files.has(look(other)),
      false,
      JSON.stringify(other, (_, value) => String(value)),
    );
});

test('one that has changed a moment ago is not noted: it may change again without another time', () => {
  const files = new BareFiles();
  files.add(look(), 1_000);
  files.add(look(), 1_001);
  assert.equal(files.has(look()), false);
  files.add(look(), 1_002);
  assert.equal(files.has(look()), true);
});

test('files of another device, and of the same row, take the place of those that were noted', () => {
  const files = new BareFiles();
  files.add(look(), 2_000);
  files.add(look({ inode: 9n }), 2_000);
  const sameRow = { inode: 7n + BigInt(LIMITS.bareFilesMax.value) };
  files.add(look(sameRow), 2_000);
  assert.deepEqual(
    [{}, { inode: 9n }, sameRow].map((file) => files.has(look(file))),
    [false, true, true],
  );
  files.add(look({ minor: 2 }), 2_000);
  assert.deepEqual(
    [{ inode: 9n }, sameRow, { minor: 2 }].map((file) => files.has(look(file))),
    [false, false, true],
  );
});

test('only file systems that tell of each change of attributes count', () => {
  assert.deepEqual(
    ['ext4', 'xfs', 'btrfs', 'nfs', 'fuse', ''].map((name) => tellsOfAttributes(name, '5.10.0-30-amd64')),
    [true, true, true, false, false, false],
  );
  assert.deepEqual(
    ['5.10.0-30-amd64', '6.5.9', '6.6.0', '6.18.44-x', '7.0.1', 'unknown'].map((kernel) =>
      tellsOfAttributes('tmpfs', kernel),
    ),
    [false, false, true, true, true, false],
  );
});
