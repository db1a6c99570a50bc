import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { type Chunking, chunkingId, FASTCDC_DEFAULT, isValidChunking } from '../chunker/chunking.ts';
import { chooseChunking } from './choose_chunking.ts';

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const FIXED_64K: Chunking = { kind: 'fixed', chunkBytes: 65_536 };
const CDC = chunkingId(FASTCDC_DEFAULT);

test('the way of cutting follows what the file is', () => {
  const rows: [name: string, sizeBytes: number, previous: Chunking | null, expected: string | null][] = [
    ['small.txt', 256 * 1024 - 1, null, null],
    ['notes.txt', 256 * 1024, null, CDC],
    ['disk.qcow2', 5 * GIB + 4096, null, 'fixed/65536'],
    ['DISK.IMG', GIB + 512, null, 'fixed/65536'],
    ['app.sqlite', 3 * MIB, null, 'fixed/65536'],
    ['archive.tar', 70 * MIB + 512, null, CDC],
    ['no-extension', 64 * MIB, null, 'fixed/65536'],
    ['data.bin', 1024 * MIB, null, CDC],
    ['no-extension', 63 * MIB, null, CDC],
    ['no-extension', 64 * MIB + 1, null, CDC],
    // the way of the version before is kept, unless bytes shifted between its blocks
    ['video.mkv', 64 * MIB, FASTCDC_DEFAULT, CDC],
    ['disk.img', GIB, FASTCDC_DEFAULT, CDC],
    ['data.bin', 90 * MIB + 4096, FIXED_64K, 'fixed/65536'],
    ['data.bin', GIB + 1, FIXED_64K, CDC],
    ['disk.img', GIB + 1, FIXED_64K, CDC],
    // chunks grow with the file
    ['disk.img', 64 * GIB, null, 'fixed/65536'],
    ['disk.img', 64 * GIB + MIB, null, 'fixed/131072'],
    ['disk.img', 4096 * GIB, null, 'fixed/4194304'],
    ['disk.img', 4096 * GIB + MIB, null, null],
    ['backup.tar', 32 * GIB + 1, null, 'fastcdc-gear32/32768/131072/524288/2'],
    ['backup.tar', 512 * GIB, FASTCDC_DEFAULT, 'fastcdc-gear32/262144/1048576/4194304/2'],
    ['backup.tar', 512 * GIB + 1, null, 'fixed/1048576'],
  ];
  for (const [name, sizeBytes, previous, expected] of rows) {
    const chosen = chooseChunking({ name, sizeBytes, previous });
    assert.equal(chosen && chunkingId(chosen), expected, `${name}, ${sizeBytes} bytes`);
  }
});

test('whatever is chosen is valid and gives no more chunks than a list may have', () => {
  for (let exponent = 18; exponent <= 46; exponent += 0.25) {
    const sizeBytes = Math.floor(2 ** exponent);
    for (const name of ['disk.img', 'text.log']) {
      const chosen = chooseChunking({ name, sizeBytes, previous: null });
      if (chosen === null) continue;
      assert.ok(isValidChunking(chosen));
      const mean = chosen.kind === 'fixed' ? chosen.chunkBytes : chosen.averageBytes;
      assert.ok(sizeBytes / mean <= LIMITS.deltaChunksMax.value);
    }
  }
});
