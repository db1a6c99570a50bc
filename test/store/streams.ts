import type { Chunker } from '../../src/store/chunker/chunker.ts';

/** Random bytes of a sequence of numbers in [0, 1). */
export function randomBytes(random: () => number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const words = new Uint32Array(bytes.buffer, 0, length >> 2);
  for (let i = 0; i < words.length; i += 1) words[i] = random() * 2 ** 32;
  for (let i = words.length * 4; i < length; i += 1) bytes[i] = random() * 256;
  return bytes;
}

/** Text of few words, as in logs: low entropy, much repetition. */
export function wordyBytes(random: () => number, length: number): Uint8Array {
  const words = ['error', 'warn', 'info', 'GET /index.html', '200', '404', '127.0.0.1', '\n', ' ', '-'];
  let text = '';
  while (text.length < length) text += words[Math.floor(random() * words.length)];
  return new Uint8Array(Buffer.from(text.slice(0, length)));
}

export function between(random: () => number, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** The ends of all chunks of `bytes`, pushed in whole. */
export function cutsOf(chunker: Chunker, bytes: Uint8Array): number[] {
  const ends = chunker.push(bytes);
  const last = chunker.finish();
  return last === null ? ends : [...ends, last];
}

/** The ends of all chunks of `bytes`, pushed in pieces of random length, some of them empty. */
export function cutsInPieces(chunker: Chunker, bytes: Uint8Array, random: () => number): number[] {
  const ends: number[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const most = [3, 700, 20_000, 300_000][between(random, 0, 3)]!;
    const length = between(random, 0, most);
    ends.push(...chunker.push(bytes.subarray(at, at + length)));
    at += length;
  }
  const last = chunker.finish();
  return last === null ? ends : [...ends, last];
}

/** Lengths of the chunks with those ends. */
export function lengthsOf(ends: readonly number[]): number[] {
  return ends.map((end, index) => end - (ends[index - 1] ?? 0));
}
