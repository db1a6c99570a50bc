/**
 * Speed of cutting files into chunks, printed as MiB/s, medians of five interleaved rounds: `node bench/chunk.ts [MiB]`.
 * The file stands in /dev/shm where there is one, so that no disk is measured.
 */
import { existsSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashBytes } from '../src/base/hash.ts';
import { isAllZero } from '../src/base/zeros.ts';
import { readChunks } from '../src/store/chunker/chunk_reader.ts';
import { type Chunker, createChunker } from '../src/store/chunker/chunker.ts';
import { FASTCDC_DEFAULT } from '../src/store/chunker/chunking.ts';
import { FastCdcChunker } from '../src/store/chunker/fastcdc.ts';
import { PlainGearScanner } from '../src/store/chunker/gear.ts';
import { median } from './statistics.ts';

const MIB = 1024 * 1024;
const ROUNDS = 5;
const WINDOW_BYTES = 2 * MIB;

/** xorshift32: quick to fill, no repetition within a file of this size. */
function randomBytes(sizeBytes: number): Uint8Array {
  const words = new Uint32Array(sizeBytes / 4);
  let state = 0x9e37_79b9;
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
}

type Work = () => void | Promise<void>;

function pieces(bytes: Uint8Array, use: (piece: Uint8Array) => void): void {
  for (let at = 0; at < bytes.byteLength; at += MIB) use(bytes.subarray(at, at + MIB));
}

function cutInPieces(bytes: Uint8Array, chunker: Chunker): void {
  pieces(bytes, (piece) => chunker.push(piece));
  chunker.finish();
}

function works(bytes: Uint8Array, fd: number): ReadonlyMap<string, Work> {
  const machine = new FastCdcChunker(FASTCDC_DEFAULT, WINDOW_BYTES);
  const plain = new FastCdcChunker(FASTCDC_DEFAULT, 0, new PlainGearScanner(0));
  const fixed = createChunker({ kind: 'fixed', chunkBytes: 64 * 1024 }, WINDOW_BYTES);
  const zeros = new Uint8Array(bytes.byteLength);
  machine.window.set(bytes.subarray(0, WINDOW_BYTES));
  const inWindow = (): void => {
    for (let at = 0; at < bytes.byteLength; at += WINDOW_BYTES) machine.push(machine.window);
    machine.finish();
  };
  const readAndHash = async (chunker: Chunker): Promise<void> => {
    const read = async (into: Uint8Array, offset: number) => readSync(fd, into, 0, into.byteLength, offset);
    for await (const chunk of readChunks(read, chunker)) hashBytes(chunk.bytes);
  };
  return new Map<string, Work>([
    ['cut, FastCDC in machine code, own window', inWindow],
    ['cut, FastCDC in machine code, bytes copied in', () => cutInPieces(bytes, machine)],
    ['cut, FastCDC in plain JavaScript', () => cutInPieces(bytes, plain)],
    ['hash, BLAKE3 of 64 KiB pieces', () => pieces(bytes, (piece) => hash64KiB(piece))],
    ['zero test of zeros', () => pieces(zeros, (piece) => void isAllZero(piece))],
    ['read, cut (FastCDC) and hash', () => readAndHash(machine)],
    ['read, cut (fixed 64 KiB) and hash', () => readAndHash(fixed)],
  ]);
}

function hash64KiB(piece: Uint8Array): void {
  for (let at = 0; at < piece.byteLength; at += 65_536) hashBytes(piece.subarray(at, at + 65_536));
}

async function main(sizeMiB: number): Promise<void> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'cw-bench-chunk-'));
  try {
    const bytes = randomBytes(sizeMiB * MIB);
    writeFileSync(join(folder, 'file'), bytes);
    const all = works(bytes, openSync(join(folder, 'file'), 'r'));
    const rates = new Map<string, number[]>([...all.keys()].map((name) => [name, []]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, work] of all) {
        const start = performance.now();
        await work();
        rates.get(name)!.push(sizeMiB / ((performance.now() - start) / 1000));
      }
    }
    for (const [name, measured] of rates)
      process.stdout.write(`${Math.round(median(measured)).toString().padStart(7)} MiB/s  ${name}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main(Number(process.argv[2] ?? 128));
