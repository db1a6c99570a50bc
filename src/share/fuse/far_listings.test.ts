import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { FarListings } from './far_listings.ts';
import {
  DIRENT_BYTES,
  ENTRY_BYTES,
  IN_HEADER_BYTES,
  KIND_FILE,
  KIND_FOLDER,
  OP,
  OUT_HEADER_BYTES,
} from './protocol.ts';

interface Entry {
  readonly node: number;
  readonly kind?: number;
  readonly sizeBytes?: number;
}

function asks(listings: FarListings, folder: number, unique: bigint, offset: bigint): void {
  const view = new DataView(new ArrayBuffer(IN_HEADER_BYTES + 40));
  view.setBigUint64(16, BigInt(folder), true);
  view.setBigUint64(IN_HEADER_BYTES + 8, offset, true);
  listings.passing({ opcode: OP.readdirplus, view, unique, bytes: new Uint8Array(view.buffer) });
}

function answerOf(entries: readonly Entry[]): Uint8Array {
  const step = ENTRY_BYTES + DIRENT_BYTES + 8;
  const view = new DataView(new ArrayBuffer(OUT_HEADER_BYTES + entries.length * step));
  for (const [index, { node, kind = KIND_FILE, sizeBytes = 10 }] of entries.entries()) {
    const at = OUT_HEADER_BYTES + index * step;
    view.setBigUint64(at, BigInt(node), true);
    view.setBigUint64(at + 48, BigInt(sizeBytes), true);
    view.setUint32(at + 100, kind, true);
    view.setUint32(at + ENTRY_BYTES + 16, 5, true);
  }
  return new Uint8Array(view.buffer);
}

it('knows the files of a folder in the order of its last listing', () => {
  const listings = new FarListings();
  asks(listings, 1, 7n, 0n);
  asks(listings, 1, 8n, 2n);
  listings.told(OP.readdirplus, 7n, answerOf([{ node: 0 }, { node: 9 }, { node: 3, kind: KIND_FOLDER }]));
  listings.told(OP.readdirplus, 8n, answerOf([{ node: 4, sizeBytes: 70_000 }]));
  listings.told(OP.readdirplus, 99n, answerOf([{ node: 5 }]));
  const files = [
    { file: 9, sizeBytes: 10 },
    { file: 4, sizeBytes: 70_000 },
  ];
  assert.deepEqual(listings.of(4), { folder: 1, files });
  assert.equal(listings.of(3), null);
  asks(listings, 1, 10n, 0n);
  listings.told(OP.readdirplus, 10n, answerOf([{ node: 4 }]));
  assert.equal(listings.of(9), null, 'it is not listed any more');
  assert.equal(listings.of(4)?.files.length, 1);
});

it('knows few folders, and few files of each', () => {
  const listings = new FarListings();
  const foldersMax = LIMITS.cacheListedFoldersMax.value;
  for (let folder = 1; folder <= foldersMax + 1; folder += 1) {
    asks(listings, folder, BigInt(folder), 0n);
    listings.told(OP.readdirplus, BigInt(folder), answerOf([{ node: 1_000 + folder }]));
  }
  assert.equal(listings.of(1_001), null);
  assert.equal(listings.of(1_000 + foldersMax + 1)?.folder, foldersMax + 1);
  const most = LIMITS.cacheListedFilesMax.value;
  asks(listings, 5, 1n, 0n);
  listings.told(
    OP.readdirplus,
    1n,
    answerOf(Array.from({ length: most + 5 }, (_, at) => ({ node: 9_000 + at }))),
  );
  assert.equal(listings.of(9_000)?.files.length, most);
});
