import { assert } from '../../base/assert.ts';
import { CausewayError } from '../../base/errors.ts';
import { HASH_BYTES, hashBytes } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';

/** Beside the length of a chunk: all its bytes are zero. */
const ZERO_FLAG = 0x8000_0000;
const LENGTH_MASK = 0x7fff_ffff;
const COUNT_BYTES = 4;
const LENGTH_BYTES = 4;
const ENTRY_BYTES = LENGTH_BYTES + HASH_BYTES;

/**
 * The chunks of one version of a file: length and BLAKE3 of each, in order; 36 bytes a chunk. Made by {@link ChunkListBuilder}.
 * A list of short hashes keeps only their first `hashBytes`: enough to guess what is equal where the whole is verified later.
 */
export class ChunkList {
  readonly count: number;
  readonly hashBytes: number;
  /** Sum of all lengths: the size of the file. */
  readonly sizeBytes: number;
  readonly #words: Uint32Array;
  readonly #hashes: Uint8Array;
  readonly #offsets: Float64Array;

  /** `words`: length and flag of each chunk. Use the builder or {@link ChunkList.decode}. */
  constructor(words: Uint32Array, hashes: Uint8Array, hashBytes = HASH_BYTES) {
    assert(hashes.byteLength === words.length * hashBytes, 'each chunk has a hash');
    this.count = words.length;
    this.hashBytes = hashBytes;
    this.#words = words;
    this.#hashes = hashes;
    this.#offsets = new Float64Array(words.length);
    let offset = 0;
    for (let i = 0; i < words.length; i += 1) {
      this.#offsets[i] = offset;
      offset += words[i]! & LENGTH_MASK;
    }
    this.sizeBytes = offset;
  }

  length(index: number): number {
    return this.#words[index]! & LENGTH_MASK;
  }

  offset(index: number): number {
    return this.#offsets[index]!;
  }

  isZero(index: number): boolean {
    return this.#words[index]! >= ZERO_FLAG;
  }

  /** A view, valid as long as the list. */
  hash(index: number): Uint8Array {
    return this.#hashes.subarray(index * this.hashBytes, (index + 1) * this.hashBytes);
  }

  /** The chunk that begins at `offset`; -1 where none does. */
  indexAt(offset: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.#offsets[middle]!;
      if (found === offset) return middle;
      if (found < offset) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** BLAKE3 over the chunk hashes in order: the identity of the content, for one way of cutting. */
  root(): Uint8Array {
    return hashBytes(this.#hashes);
  }

  /** Count, lengths with flags, whole hashes; numbers are 32 bits, little endian. */
  encode(): Uint8Array {
    assert(this.hashBytes === HASH_BYTES, 'what is kept are whole hashes');
    const bytes = new Uint8Array(COUNT_BYTES + this.count * ENTRY_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.count, true);
    for (let i = 0; i < this.count; i += 1)
      view.setUint32(COUNT_BYTES + i * LENGTH_BYTES, this.#words[i]!, true);
    bytes.set(this.#hashes, COUNT_BYTES + this.count * LENGTH_BYTES);
    return bytes;
  }

  /** CW_WIRE_MALFORMED for anything that {@link encode} cannot have given, CW_WIRE_TOO_LARGE above LIMITS.deltaChunksMax. */
  static decode(bytes: Uint8Array): ChunkList {
    const malformed = (what: string) => new CausewayError('CW_WIRE_MALFORMED', `a list of chunks ${what}`);
    if (bytes.byteLength < COUNT_BYTES) throw malformed('is shorter than its count');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = view.getUint32(0, true);
    if (count > LIMITS.deltaChunksMax.value)
      throw new CausewayError('CW_WIRE_TOO_LARGE', `a list of ${count} chunks is longer than allowed`);
    if (bytes.byteLength !== COUNT_BYTES + count * ENTRY_BYTES)
      throw malformed(`of ${count} has ${bytes.byteLength} bytes`);
    const words = new Uint32Array(count);
    for (let i = 0; i < count; i += 1) {
      const word = view.getUint32(COUNT_BYTES + i * LENGTH_BYTES, true);
      const length = word & LENGTH_MASK;
      if (length === 0 || length > LIMITS.chunkMaxBytes.value)
        throw malformed(`has a chunk of ${length} bytes`);
      words[i] = word;
    }
    return new ChunkList(words, bytes.slice(COUNT_BYTES + count * LENGTH_BYTES));
  }
}

/** Collects the chunks of a file in order. */
export class ChunkListBuilder {
  #count = 0;
  #words = new Uint32Array(16);
  #hashes = new Uint8Array(16 * HASH_BYTES);

  get count(): number {
    return this.#count;
  }

  /** Copies `hash`. CW_LIMIT above LIMITS.deltaChunksMax: larger files are cut into larger chunks. */
  add(hash: Uint8Array, lengthBytes: number, zero: boolean): void {
    assert(hash.byteLength === HASH_BYTES, 'a chunk has a BLAKE3 hash');
    assert(
      Number.isInteger(lengthBytes) && lengthBytes > 0 && lengthBytes <= LIMITS.chunkMaxBytes.value,
      'a chunk has a length within the limits',
    );
    if (this.#count === LIMITS.deltaChunksMax.value)
      throw new CausewayError('CW_LIMIT', `a file has more than ${this.#count} chunks`);
    if (this.#count === this.#words.length) this.#grow();
    this.#words[this.#count] = zero ? lengthBytes + ZERO_FLAG : lengthBytes;
    this.#hashes.set(hash, this.#count * HASH_BYTES);
    this.#count += 1;
  }

  build(): ChunkList {
    return new ChunkList(this.#words.slice(0, this.#count), this.#hashes.slice(0, this.#count * HASH_BYTES));
  }

  #grow(): void {
    const words = new Uint32Array(2 * this.#words.length);
    words.set(this.#words);
    const hashes = new Uint8Array(2 * this.#hashes.length);
    hashes.set(this.#hashes);
    this.#words = words;
    this.#hashes = hashes;
  }
}
