import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../base/bytes.ts';
import { decodeKnownContent, encodeKnownContent, type KnownContent } from './known_content.ts';

const CONTENT: KnownContent = {
  stamp: {
    sizeBytes: 3,
    mtimeNs: 1_700_000_000_000_000_001n,
    ctimeNs: 1_700_000_000_000_000_002n,
    inode: '12',
    deviceId: '34',
  },
  settled: true,
  chunkBytes: 65_536,
  chunks: new Uint8Array(32).fill(0xaa),
  blockBytes: 65_536,
  blocks: new Uint8Array(8).fill(0xbb),
};
/** Records of this layout lie on disks: it stays as it is. */
const RECORD =
  '8943574b0d0a00014769c480aa65696e6f646562313266626c6f636b7348bbbbbbbbbbbbbbbb666368756e6b735820aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa676374696d654e731b17979cfe362a0002676d74696d654e731b17979cfe362a000167736574746c6564f56864657669636549646233346973697a654279746573036a626c6f636b42797465731a000100006a6368756e6b42797465731a00010000';

test('a record keeps its layout, and gives what was put in', () => {
  const record = encodeKnownContent(CONTENT);
  assert.equal(toHex(record), RECORD);
  assert.deepEqual(decodeKnownContent(record), CONTENT);
  const plain = { ...CONTENT, settled: false, blockBytes: 0, blocks: new Uint8Array(0) };
  assert.deepEqual(decodeKnownContent(encodeKnownContent(plain)), plain);
});

test('whatever bit of a record is wrong, and wherever it is torn, it is as none', () => {
  const record = encodeKnownContent(CONTENT);
  for (let at = 0; at < record.byteLength; at += 1) {
    assert.equal(decodeKnownContent(record.subarray(0, at)), null, `${at} bytes of it`);
    for (let bit = 0; bit < 8; bit += 1) {
      const damaged = Uint8Array.from(record);
      damaged[at]! ^= 1 << bit;
      assert.equal(decodeKnownContent(damaged), null, `bit ${bit} of byte ${at}`);
    }
  }
});

test('lists that do not fit the size are as none', () => {
  const decoded = (change: Partial<KnownContent>) =>
    decodeKnownContent(encodeKnownContent({ ...CONTENT, ...change }));
  assert.equal(decoded({ chunks: new Uint8Array(64) }), null);
  assert.equal(decoded({ chunkBytes: 0 }), null);
  assert.equal(decoded({ blocks: new Uint8Array(0) }), null);
  assert.equal(decoded({ blockBytes: 0 }), null);
  assert.equal(decoded({ stamp: { ...CONTENT.stamp, sizeBytes: 65_537 } }), null);
});
