/** A small seeded generator (mulberry32): the same seed gives the same inputs on every machine. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `bound - 1`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000) * bound);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 1) bytes[i] = this.below(256);
    return bytes;
  }
}

/** Bytes at which decoders branch: limits of widths, heads of CBOR items with long lengths, and what ends text. */
const INTERESTING = [
  0, 1, 2, 0x17, 0x18, 0x1b, 0x1f, 0x5a, 0x5b, 0x7f, 0x80, 0x9a, 0x9b, 0xa0, 0xbb, 0xc2, 0xf9, 0xfb, 0xff,
];

type Mutation = (bytes: Uint8Array, random: SeededRandom) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.byteLength);
    return replaced(bytes, at, Uint8Array.of((bytes[at] as number) ^ (1 << random.below(8))), 1);
  },
  function setByte(bytes, random) {
    return replaced(bytes, random.below(bytes.byteLength), Uint8Array.of(random.pick(INTERESTING)), 1);
  },
  function setWord(bytes, random) {
    const word = random.pick([
      [0, 0, 0, 0],
      [255, 255, 255, 255],
      [255, 255, 255, 127],
      [0, 0, 16, 0],
    ]);
    return replaced(bytes, random.below(bytes.byteLength), Uint8Array.from(word), 4);
  },
  function cut(bytes, random) {
    return bytes.slice(0, random.below(bytes.byteLength));
  },
  function remove(bytes, random) {
    return replaced(bytes, random.below(bytes.byteLength), new Uint8Array(0), 1 + random.below(8));
  },
  function insert(bytes, random) {
    return replaced(bytes, random.below(bytes.byteLength), random.bytes(1 + random.below(8)), 0);
  },
  function repeat(bytes, random) {
    const at = random.below(bytes.byteLength);
    return replaced(bytes, at, bytes.slice(at, at + 1 + random.below(64)), 0);
  },
];

/** One to four changes to `bytes`. */
export function mutated(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  let result = bytes;
  for (let left = 1 + random.below(4); left > 0 && result.byteLength > 0; left -= 1) {
    result = random.pick(MUTATIONS)(result, random);
  }
  return result;
}

/** Bytes without a model, short more often than long; every second time from the interesting ones. */
export function arbitrary(random: SeededRandom): Uint8Array {
  const bytes = random.bytes(random.below(random.pick([4, 16, 64, 512])));
  return random.below(2) === 0 ? bytes : bytes.map(() => random.pick(INTERESTING));
}

/** `sizeBytes` bytes of one short pattern: what makes a small item cost its most. */
export function repetitive(random: SeededRandom, sizeBytes: number): Uint8Array {
  const pattern =
    random.below(2) === 0 ? random.bytes(1 + random.below(12)) : Uint8Array.of(random.pick(INTERESTING));
  const bytes = new Uint8Array(sizeBytes);
  for (let i = 0; i < sizeBytes; i += 1) bytes[i] = pattern[i % pattern.byteLength] as number;
  return bytes;
}

function replaced(bytes: Uint8Array, at: number, by: Uint8Array, dropBytes: number): Uint8Array {
  const behind = bytes.subarray(Math.min(bytes.byteLength, at + dropBytes));
  const result = new Uint8Array(at + by.byteLength + behind.byteLength);
  result.set(bytes.subarray(0, at));
  result.set(by, at);
  result.set(behind, at + by.byteLength);
  return result;
}
