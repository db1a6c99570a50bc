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

/** A file that waits for its name. */
export interface Temporary {
  readonly index: number;
  readonly key: Uint8Array;
  /** Its bytes came with those of others, or it has none: no later attempt looks for them. */
  readonly isPacked: boolean;
}

/** Puts what the temporary name is made of at `at`: of a packed file its number, which costs no hash of its path. */
export function putTemporary(file: Temporary, into: DataView, at: number): void {
  if (file.isPacked) into.setUint32(at + FILE_KEY_BYTES - 4, file.index);
  else new Uint8Array(into.buffer, into.byteOffset + at, FILE_KEY_BYTES).set(file.key);
}

/** What a file is called until it is complete. */
export function temporaryOf(file: Temporary): Name {
  if (!file.isPacked) return partialName(file.key);
  const memory = new Uint8Array(FILE_KEY_BYTES);
  putTemporary(file, new DataView(memory.buffer), 0);
  return partialName(memory);
}

/** What a file is called beside its destination until it is complete, where a later attempt is to find it. */
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
