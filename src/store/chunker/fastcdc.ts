import type { Chunker } from './chunker.ts';
import { assertValidChunking, type FastCdcChunking } from './chunking.ts';
import { type GearScanner, gearMask, PlainGearScanner } from './gear.ts';
import { hasWebAssembly, WasmGearScanner } from './gear_wasm.ts';

/**
 * FastCDC (Xia et al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication", USENIX
 * ATC 2016): the first `minBytes` of a chunk are not looked at; up to `averageBytes` a cut needs more zero bits of the Gear
 * hash than behind it (normalised chunking); at `maxBytes` a cut is forced. Cuts follow the content, so that an insertion
 * changes the chunks around it and leaves the others as they were.
 *
 * Other than in the paper the hash has 32 bits and the masks are its high bits: the same speed, and no 64-bit arithmetic
 * in the reference.
 */
export class FastCdcChunker implements Chunker {
  readonly chunking: FastCdcChunking;
  readonly #scanner: GearScanner;
  readonly #strictMask: number;
  readonly #easyMask: number;
  /** Bytes of the chunk in work. */
  #chunkBytes = 0;
  #streamBytes = 0;

  constructor(chunking: FastCdcChunking, windowBytes: number, scanner?: GearScanner) {
    assertValidChunking(chunking);
    this.chunking = chunking;
    this.#scanner =
      scanner ?? (hasWebAssembly() ? new WasmGearScanner(windowBytes) : new PlainGearScanner(windowBytes));
    const bits = Math.log2(chunking.averageBytes);
    this.#strictMask = gearMask(bits + chunking.normalization);
    this.#easyMask = gearMask(bits - chunking.normalization);
  }

  get window(): Uint8Array {
    return this.#scanner.window;
  }

  push(bytes: Uint8Array): number[] {
    const { minBytes, averageBytes, maxBytes } = this.chunking;
    const ends: number[] = [];
    for (let at = 0; at < bytes.byteLength; ) {
      const had = this.#chunkBytes;
      const zoneEnd = had < minBytes ? minBytes : had < averageBytes ? averageBytes : maxBytes;
      const end = Math.min(bytes.byteLength, at + zoneEnd - had);
      const mask = had < averageBytes ? this.#strictMask : this.#easyMask;
      const found = had < minBytes ? 0 : this.#scanner.find(bytes, at, end, mask);
      const taken = found === 0 ? end - at : found;
      at += taken;
      this.#chunkBytes += taken;
      this.#streamBytes += taken;
      if (found === 0 && this.#chunkBytes < maxBytes) continue;
      ends.push(this.#streamBytes);
      this.#beginChunk();
    }
    return ends;
  }

  finish(): number | null {
    const end = this.#chunkBytes === 0 ? null : this.#streamBytes;
    this.#streamBytes = 0;
    this.#beginChunk();
    return end;
  }

  #beginChunk(): void {
    this.#chunkBytes = 0;
    this.#scanner.reset();
  }
}
