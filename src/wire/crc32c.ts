import { FOLD_MIN_BYTES, foldForCrc32c } from './crc32c_fold.ts';

/** CRC32C (Castagnoli), the checksum of plain links and of journals: RFC 3720 appendix B.4, polynomial 0x1EDC6F41, here with its bits reversed. */
const POLYNOMIAL = 0x82f6_3b78;
const SLICES = 16;
const TABLE = buildTable();

/**
 * CRC32C of `bytes`, as an unsigned number of 32 bits. `previous` is the CRC32C of what comes before `bytes`.
 * Long input is folded first (`crc32c_fold.ts`), short input goes through tables; docs/adr/0004-crc32c.md has figures.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  if (bytes.byteLength >= FOLD_MIN_BYTES) {
    const folded = foldForCrc32c(bytes, ~previous);
    if (folded !== null) return ~advance(folded, 0) >>> 0;
  }
  return ~advance(bytes, ~previous) >>> 0;
}

/** As {@link crc32c}, with tables only: what machines without vector instructions use for every length. */
export function crc32cByTable(bytes: Uint8Array, previous = 0): number {
  return ~advance(bytes, ~previous) >>> 0;
}

/**
 * Sixteen bytes a step, one table for the distance of each from the end of the step (Kounavis and Berry, "A systematic
 * approach to building high performance software-based CRC generators", 2005).
 */
function advance(bytes: Uint8Array, state: number): number {
  const T = TABLE;
  const length = bytes.byteLength;
  let crc = state;
  let i = 0;
  for (const end = length - (SLICES - 1); i < end; i += SLICES) {
    const first =
      crc ^ (b(bytes, i) | (b(bytes, i + 1) << 8) | (b(bytes, i + 2) << 16) | (b(bytes, i + 3) << 24));
    crc =
      t(T, 0xf00 | (first & 0xff)) ^
      t(T, 0xe00 | ((first >>> 8) & 0xff)) ^
      t(T, 0xd00 | ((first >>> 16) & 0xff)) ^
      t(T, 0xc00 | (first >>> 24)) ^
      t(T, 0xb00 | b(bytes, i + 4)) ^
      t(T, 0xa00 | b(bytes, i + 5)) ^
      t(T, 0x900 | b(bytes, i + 6)) ^
      t(T, 0x800 | b(bytes, i + 7)) ^
      t(T, 0x700 | b(bytes, i + 8)) ^
      t(T, 0x600 | b(bytes, i + 9)) ^
      t(T, 0x500 | b(bytes, i + 10)) ^
      t(T, 0x400 | b(bytes, i + 11)) ^
      t(T, 0x300 | b(bytes, i + 12)) ^
      t(T, 0x200 | b(bytes, i + 13)) ^
      t(T, 0x100 | b(bytes, i + 14)) ^
      t(T, b(bytes, i + 15));
  }
  for (; i < length; i += 1) crc = (crc >>> 8) ^ t(T, (crc ^ b(bytes, i)) & 0xff);
  return crc;
}

/** Index checks are left to the loop bounds; V8 inlines both readers. */
function b(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

function t(table: Int32Array, index: number): number {
  return table[index] as number;
}

/** Entry `slice * 256 + byte`: what `byte` does to the state when `slice` zero bytes follow it. */
function buildTable(): Int32Array {
  const table = new Int32Array(SLICES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let i = 256; i < table.length; i += 1) {
    const shorter = t(table, i - 256);
    table[i] = (shorter >>> 8) ^ t(table, shorter & 0xff);
  }
  return table;
}
