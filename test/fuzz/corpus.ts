import { concat, fromHex } from '../../src/base/bytes.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import { type Invalid, loadVectors, type Valid, type VectorFile } from '../golden/vectors.ts';

interface Marked {
  readonly layout?: string;
  readonly withCrc?: boolean;
}
export type MarkedVector = (Valid | Invalid) & Marked;

/** The golden vectors of a layout, good and bad ones, as inputs. */
export function goldenBytes(
  file: string,
  select: (vector: MarkedVector) => boolean = () => true,
): Uint8Array[] {
  const { valid, invalid } = loadVectors<VectorFile<Valid & Marked, Invalid & Marked>>(file);
  return [...valid, ...invalid].filter(select).map((vector) => fromHex(vector.hex));
}

/** `bytes` with the CRC32C of the part from `start` to `end` behind it, little endian. */
export function withCrc(bytes: Uint8Array, start = 0, end = bytes.byteLength): Uint8Array {
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, crc32c(bytes.subarray(start, end)), true);
  return concat([bytes.subarray(0, end), sum]);
}
