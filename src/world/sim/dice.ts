import type { Random } from '../clock.ts';

type Key = readonly [number, number, number, number];

/** Mixes `label` into `key` (cyrb128 by bryc, public domain): every character reaches all four words. */
function mix(key: Key, label: string): Key {
  let [a, b, c, d] = key;
  for (let i = 0; i < label.length; i += 1) {
    const code = label.charCodeAt(i);
    a = b ^ Math.imul(a ^ code, 597399067);
    b = c ^ Math.imul(b ^ code, 2869860233);
    c = d ^ Math.imul(c ^ code, 951274213);
    d = a ^ Math.imul(d ^ code, 2716044179);
  }
  a = Math.imul(c ^ (a >>> 18), 597399067);
  b = Math.imul(d ^ (b >>> 22), 2869860233);
  c = Math.imul(a ^ (c >>> 17), 951274213);
  d = Math.imul(b ^ (d >>> 19), 2716044179);
  return [(a ^ b ^ c ^ d) >>> 0, (b ^ a) >>> 0, (c ^ a) >>> 0, (d ^ a) >>> 0];
}

/**
 * Seeded chance: the generator sfc32 (Chris Doty-Humphrey, PractRand). A fork depends on the label and on how many
 * forks with that label came before, never on the numbers drawn, so that a new user of chance does not shift the others.
 */
export class Dice implements Random {
  readonly #key: Key;
  readonly #forks = new Map<string, number>();
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  private constructor(key: Key) {
    this.#key = key;
    [this.#a, this.#b, this.#c, this.#d] = key;
    for (let i = 0; i < 12; i += 1) this.u32();
  }

  static fromSeed(seed: number): Dice {
    return new Dice(mix([1779033703, 3144134277, 1013904242, 2773480762], `seed ${seed}`));
  }

  u32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let at = 0; at < length; at += 4) {
      const word = this.u32();
      for (let i = 0; i < 4 && at + i < length; i += 1) out[at + i] = (word >>> (8 * i)) & 0xff;
    }
    return out;
  }

  fork(label: string): Dice {
    const earlier = this.#forks.get(label) ?? 0;
    this.#forks.set(label, earlier + 1);
    return new Dice(mix(this.#key, `${label}\0${earlier}`));
  }

  /** A number in [0, 1). */
  unit(): number {
    return this.u32() / 4294967296;
  }

  /** True with probability `rate`. A rate of 0 draws nothing. */
  chance(rate: number): boolean {
    return rate > 0 && this.unit() < rate;
  }

  /** A whole number in [min, max]. */
  between(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  /** Exponentially distributed with the mean given: the distance between events of a memoryless process. */
  exponential(mean: number): number {
    return -Math.log(1 - this.unit()) * mean;
  }

  /** A duration in (0, max]: mostly far below the maximum, as latencies are. */
  latency(maxMs: number): number {
    const unit = this.unit();
    return 0.001 + unit * unit * unit * maxMs;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.between(0, items.length - 1)] as T;
  }
}
