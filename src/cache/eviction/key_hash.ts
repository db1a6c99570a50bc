const TWO_POW_32 = 2 ** 32;

/** 32 well mixed bits of a whole number up to 2^53 - 1, the same everywhere (the finalizer of MurmurHash3). */
export function hashKey(key: number): number {
  let hash = (key >>> 0) ^ Math.imul((key / TWO_POW_32) >>> 0, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
