/** Seeded test data: the same seed gives the same bytes on every machine. */
import { createCipheriv, createHash } from 'node:crypto';

/** Generator of 32-bit words (sfc32, C. Doty-Humphrey, PractRand), seeded through SHA-256 of a text. */
export class SeededRandom {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    const digest = createHash('sha256').update(seed).digest();
    this.#a = digest.readInt32LE(0);
    this.#b = digest.readInt32LE(4);
    this.#c = digest.readInt32LE(8);
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** 0 … 2^32 - 1. */
  uint32(): number {
    const t = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    this.#c |= 0;
    return t >>> 0;
  }

  /** 0 inclusive … 1 exclusive. */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** Standard normal deviate (Box and Muller 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.fraction()));
    return radius * Math.cos(2 * Math.PI * this.fraction());
  }
}

/** Something that fills a buffer with the next bytes of an endless sequence. */
export interface ByteSource {
  fill(target: Buffer): void;
}

/** Bytes that do not compress: the AES-256-CTR key stream of the seed. */
export class NoiseSource implements ByteSource {
  readonly #cipher;

  constructor(seed: string) {
    const key = createHash('sha256').update(`noise ${seed}`).digest();
    this.#cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  }

  fill(target: Buffer): void {
    target.fill(0);
    this.#cipher.update(target).copy(target);
  }
}

const SYLLABLES =
  'al an ar be ca ce co da de di el en er es fi ge ha in is ko la le li lo ma me mi na ne no on or pe po ra re ri ro sa se si ta te ti to tra u un ver vi'.split(
    ' ',
  );
const VOCABULARY_WORDS = 20_000;
const PICK_TABLE_SLOTS = 1 << 16;
const MAX_WORD_BYTES = 16;
const LINE_BYTES = 76;

function vocabulary(random: SeededRandom): string[] {
  const words = new Set<string>();
  while (words.size < VOCABULARY_WORDS) {
    // The frequent words come first and are short, as in natural languages.
    const most = words.size < 60 ? 1 : words.size < 2_000 ? 3 : 5;
    const count = 1 + (random.uint32() % most) + (words.size < 30 ? 0 : 1);
    let word = '';
    for (let i = 0; i < count; i++) word += SYLLABLES[random.uint32() % SYLLABLES.length];
    if (word.length < MAX_WORD_BYTES) words.add(word);
  }
  return [...words];
}

/** Slots filled in proportion to 1 / (rank + 2.7), the law of Zipf and Mandelbrot. */
function pickTable(words: number): Uint16Array {
  const weight = (rank: number) => 1 / (rank + 2.7);
  let total = 0;
  for (let rank = 0; rank < words; rank++) total += weight(rank);
  const table = new Uint16Array(PICK_TABLE_SLOTS);
  let rank = 0;
  let reached = weight(0) / total;
  for (let slot = 0; slot < PICK_TABLE_SLOTS; slot++) {
    while (slot / PICK_TABLE_SLOTS >= reached && rank < words - 1) reached += weight(++rank) / total;
    table[slot] = rank;
  }
  return table;
}

/** Lines of made-up words with the word frequencies of a natural language; never repeats a block. */
export class TextSource implements ByteSource {
  readonly #random: SeededRandom;
  readonly #letters: Uint8Array;
  readonly #lengths: Uint8Array;
  readonly #table: Uint16Array;

  constructor(seed: string) {
    const words = vocabulary(new SeededRandom('vocabulary'));
    this.#random = new SeededRandom(`text ${seed}`);
    this.#table = pickTable(words.length);
    this.#lengths = Uint8Array.from(words, (word) => word.length);
    this.#letters = new Uint8Array(words.length * MAX_WORD_BYTES);
    words.forEach((word, i) => {
      this.#letters.set(Buffer.from(word, 'latin1'), i * MAX_WORD_BYTES);
    });
  }

  fill(target: Buffer): void {
    const [letters, lengths, table, random] = [this.#letters, this.#lengths, this.#table, this.#random];
    let at = 0;
    let column = 0;
    while (at < target.length) {
      const bits = random.uint32();
      const word = table[bits & 0xffff] as number;
      const length = lengths[word] as number;
      // A write past the end of a Buffer is dropped, so the last word may be cut short.
      for (let from = word * MAX_WORD_BYTES, to = from + length; from < to; from++)
        target[at++] = letters[from] as number;
      column += length + 1;
      if (bits >>> 28 === 0) target[at++] = 0x2e;
      else if (bits >>> 28 === 1) target[at++] = 0x2c;
      const endOfLine = column >= LINE_BYTES;
      target[at++] = endOfLine ? 0x0a : 0x20;
      if (endOfLine) column = 0;
    }
  }
}

export interface TreeShape {
  readonly files: number;
  readonly folders: number;
  readonly meanBytes: number;
  readonly maxBytes: number;
}

export interface PlannedFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** Spread of the file sizes: the standard deviation of their natural logarithm. */
const SIZE_SIGMA = 1.1;

/** Names and log-normal sizes of a tree: `folders` folders two levels deep, 1 file in 500 empty. */
export function planTree(shape: TreeShape, seed: string): PlannedFile[] {
  const random = new SeededRandom(`tree ${seed}`);
  const mu = Math.log(shape.meanBytes) - SIZE_SIGMA ** 2 / 2;
  return Array.from({ length: shape.files }, (_, i) => {
    const folder = i % shape.folders;
    const drawn = Math.round(Math.exp(mu + SIZE_SIGMA * random.normal()));
    const sizeBytes = random.uint32() % 500 === 0 ? 0 : Math.min(drawn, shape.maxBytes);
    return { path: `d${folder % 20}/s${folder}/f${i}.${i % 2 === 0 ? 'txt' : 'bin'}`, sizeBytes };
  });
}
