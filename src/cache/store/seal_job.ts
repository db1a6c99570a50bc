import { assert } from '../../base/assert.ts';
import { utf8 } from '../../base/bytes.ts';
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from '../../world/cryptography.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Job } from '../../world/offload.ts';
import { writeAll } from './index_log.ts';

/** What a block takes on the disk beside its bytes. */
export const SEAL_BYTES = AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

/** Blocks in the memory of whoever asks, one behind the other. */
interface BlocksOrder {
  readonly file: DiskFile;
  readonly key: Uint8Array;
  /** Shared memory: at most as much as all blocks take. */
  readonly tray: Uint8Array;
  readonly sizes: readonly number[];
  /** Where each lies in the file, in bytes. */
  readonly places: readonly number[];
  /** What each is: it opens as that, and as nothing else. */
  readonly bindings: readonly string[];
}

export interface SealOrder extends BlocksOrder {
  /** One for each block, one behind the other. */
  readonly nonces: Uint8Array;
}

/** Seals blocks and writes them. CW_DISK_*. */
export const sealBlocksJob: Job<SealOrder, null> = {
  name: 'cache.seal',
  run: async ({ file, key, tray, sizes, places, bindings, nonces }, { aead, scratch }) => {
    assert(aead !== null, 'blocks are sealed where there is cryptography');
    const into = scratch(SEAL_BYTES + Math.max(0, ...sizes));
    let at = 0;
    for (const [index, sizeBytes] of sizes.entries()) {
      const nonce = nonces.subarray(index * AEAD_NONCE_BYTES, (index + 1) * AEAD_NONCE_BYTES);
      const plain = tray.subarray(at, at + sizeBytes);
      const length = aead.sealInto(key, nonce, plain, utf8(bindings[index] as string), into);
      await writeAll(file, into.subarray(0, length), places[index] as number);
      at += sizeBytes;
    }
    return null;
  },
};

/** Reads blocks and opens them into the tray; which of them are what they should be. Says when it begins. CW_DISK_*. */
export const openBlocksJob: Job<BlocksOrder, boolean[]> = {
  name: 'cache.open',
  run: async ({ file, key, tray, sizes, places, bindings }, { aead, scratch, moved }) => {
    moved(0);
    assert(aead !== null, 'blocks are opened where there is cryptography');
    const opened: boolean[] = [];
    let at = 0;
    for (const [index, sizeBytes] of sizes.entries()) {
      const sealed = scratch(sizeBytes + SEAL_BYTES);
      const isWhole = await readInto(file, sealed, places[index] as number);
      const [nonce, rest] = [sealed.subarray(0, AEAD_NONCE_BYTES), sealed.subarray(AEAD_NONCE_BYTES)];
      const plain = isWhole ? aead.open(key, nonce, rest, utf8(bindings[index] as string)) : null;
      if (plain !== null) tray.set(plain, at);
      opened.push(plain !== null);
      at += sizeBytes;
    }
    return opened;
  },
};

/** False where the file ends before. CW_DISK_*. */
async function readInto(file: DiskFile, into: Uint8Array, from: number): Promise<boolean> {
  for (let done = 0; done < into.byteLength; ) {
    const count = await file.read(into.subarray(done), from + done);
    if (count === 0) return false;
    done += count;
  }
  return true;
}
