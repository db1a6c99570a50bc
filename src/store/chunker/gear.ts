import { hashBytes } from '../../base/hash.ts';

/**
 * Looks for cut points with the Gear hash (Xia et al., "Ddelta: a deduplication-inspired fast delta compression approach",
 * Performance Evaluation 79, 2014): hash = (hash << 1) + GEAR[byte], over 32 bits, so that it depends on the last 32 bytes.
 */
export interface GearScanner {
  /** Forgets what was scanned: a new chunk begins. */
  reset(): void;
  /**
   * Scans `bytes` from `from` to before `to`, following what was scanned since the last reset. Gives the count of bytes
   * up to and with the first after which no bit of `mask` is set in the hash; 0 where there is none.
   */
  find(bytes: Uint8Array, from: number, to: number, mask: number): number;
  /** Memory that the caller may fill: scanning a part of it needs no copy. */
  readonly window: Uint8Array;
}

const WORDS_A_HASH = 8;

/**
 * One random word for each byte value: BLAKE3 of a text and a counter, so that nobody can have chosen them. Cut points,
 * and with them every stored chunk list, depend on this table: it never changes.
 */
export const GEAR: Uint32Array = makeGear();

function makeGear(): Uint32Array {
  const table = new Uint32Array(256);
  for (let at = 0; at < table.length; at += WORDS_A_HASH) {
    const hash = hashBytes(Buffer.from(`causeway gear table 1, words from ${at}`));
    const words = new DataView(hash.buffer, hash.byteOffset, hash.byteLength);
    for (let i = 0; i < WORDS_A_HASH; i += 1) table[at + i] = words.getUint32(4 * i, true);
  }
  return table;
}

/**
 * A mask of `bits` ones that a random hash matches once in 2^bits. They are the highest but the top one: high bits mix in
 * the most bytes. The top bit stays clear because a scanner that takes two bytes a step tests the first with the hash
 * shifted once more, where that bit is lost.
 */
export function gearMask(bits: number): number {
  return ((2 ** bits - 1) * 2 ** (31 - bits)) | 0;
}

/** The scanner in plain JavaScript: the reference for the other, and what runs where WebAssembly is missing. */
export class PlainGearScanner implements GearScanner {
  readonly window: Uint8Array;
  #hash = 0;

  constructor(windowBytes: number) {
    this.window = new Uint8Array(windowBytes);
  }

  reset(): void {
    this.#hash = 0;
  }

  find(bytes: Uint8Array, from: number, to: number, mask: number): number {
    let hash = this.#hash;
    for (let at = from; at < to; at += 1) {
      hash = ((hash << 1) + GEAR[bytes[at]!]!) | 0;
      if ((hash & mask) === 0) {
        this.#hash = hash;
        return at - from + 1;
      }
    }
    this.#hash = hash;
    return 0;
  }
}
