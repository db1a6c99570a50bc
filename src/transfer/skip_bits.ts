import { LIMITS } from '../base/limits.ts';

/** Messages that tell of the entries with these numbers, which rise. */
export function* bitsMessages<const T extends 'skip' | 'take' | 'offer' | 'compare'>(
  t: T,
  indexes: Iterable<number>,
): Generator<{ readonly t: T; readonly first: number; readonly bits: Uint8Array }> {
  const memory = new Uint8Array(LIMITS.skipBitsMaxBytes.value);
  let first = -1;
  let usedBytes = 0;
  for (const index of indexes) {
    if (first >= 0 && index - first >= 8 * memory.byteLength) {
      yield { t, first, bits: memory.slice(0, usedBytes) };
      memory.fill(0);
      first = -1;
    }
    if (first < 0) first = index;
    const at = (index - first) >>> 3;
    memory[at] = (memory[at] as number) | (1 << ((index - first) & 7));
    usedBytes = at + 1;
  }
  if (first >= 0) yield { t, first, bits: memory.slice(0, usedBytes) };
}

/** The numbers of the entries that a message tells of. */
export function* numbersIn({
  first,
  bits,
}: {
  readonly first: number;
  readonly bits: Uint8Array;
}): Generator<number> {
  for (const [at, byte] of bits.entries()) {
    for (let bit = 0; bit < 8; bit += 1) if ((byte >> bit) & 1) yield first + 8 * at + bit;
  }
}
