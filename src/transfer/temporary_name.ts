import { toHex, utf8 } from '../base/bytes.ts';
import { hashBytes } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { type Name, parseName, type RelPath } from '../base/path.ts';
import { slabBytes } from '../base/slab.ts';

export const FILE_KEY_BYTES = 16;

/** Room for a path: memory of its own for each would cost more than its hash. */
const PATH = Buffer.alloc(LIMITS.pathMaxBytes.value);

/** Key of a file within its transfer: BLAKE3 of where it goes. */
export function fileKeyOf(target: RelPath): Uint8Array {
  const key = slabBytes(FILE_KEY_BYTES);
  const pathBytes = PATH.write(target, 'utf8');
  key.set(hashBytes(PATH.subarray(0, pathBytes)).subarray(0, FILE_KEY_BYTES));
  return key;
}

/** What a file is called beside its destination until it is complete. */
export function partialName(fileKey: Uint8Array): Name {
  return parseName(toHex(fileKey));
}

/**
 * What one more name of a file is called until it is in place. It is never that of a partial file: who found it after a
 * crash and went on writing to it would write to the file that it leads to.
 */
export function linkName(target: RelPath): Name {
  return parseName(`${toHex(hashBytes(utf8(target)).subarray(0, FILE_KEY_BYTES))}-link`);
}

/** {@link partialName} for each of a list of keys, by its place: digits make a name, so that none has to be parsed. */
export function temporaryNames(keys: Uint8Array): (at: number) => Name {
  const all = Buffer.from(keys.buffer, keys.byteOffset, keys.byteLength);
  return (at) => all.toString('hex', at * FILE_KEY_BYTES, (at + 1) * FILE_KEY_BYTES) as Name;
}
