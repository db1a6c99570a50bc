import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { sharedBytes } from '../../base/bytes.ts';
import { giveBack } from './given_back.ts';

const MIB = 1024 * 1024;

/** Memory of this process in KiB that is backed by nothing on a disk. */
function residentKiB(): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'latin1'))![1]);
}

test('memory that nobody uses goes back to the system, and its buffer serves on', () => {
  const buffers = Array.from({ length: 32 }, () => sharedBytes(4 * MIB).fill(7));
  const before = residentKiB();
  giveBack(buffers);
  const gainedMiB = (before - residentKiB()) / 1024;
  assert.ok(gainedMiB > 64, `${gainedMiB} MiB of 128 were given back`);
  for (const buffer of buffers) {
    const middle = buffer.byteLength / 2;
    assert.equal(buffer[middle], 0, 'what was there is gone');
    buffer.fill(9);
    assert.equal(buffer[middle], 9);
  }
});

test('memory that is not shared stays as it is', () => {
  const bytes = new Uint8Array(MIB).fill(3);
  giveBack([bytes, sharedBytes(0), sharedBytes(100).fill(5)]);
  assert.ok(bytes.every((byte) => byte === 3));
});
