import { concat, fromUtf8, utf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseName } from '../../base/path.ts';
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES } from '../../world/cryptography.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';
import type { BlockIndex } from './block_index.ts';
import type { StorePorts } from './store_ports.ts';

/** A file is known by a number; a block of it lies in a slot; a slot is free. */
export type IndexRecord =
  | readonly ['file', ref: number, file: string, version: string, sizeBytes: number]
  | readonly ['block', ref: number, block: number, slot: number]
  | readonly ['free', slot: number];

const NAME = parseName('index');
const NAME_NEW = parseName('index.new');
const HEAD_BYTES = 4;
const FRAME_RECORDS = 512;

/**
 * What lies where, as a file of sealed frames that only grows, and is written anew when most of it is out of date. It says
 * where to look, never what is right: what is found there proves itself. So nothing of it needs to be stable, and its
 * end may be torn. Each frame is bound to its place: one that was changed, moved or left out ends what is believed.
 */
export class IndexLog {
  readonly #ports: StorePorts;
  readonly #key: Uint8Array;
  readonly #about: string;
  #file: DiskFile | null = null;
  #epoch = '';
  #frames = 0;
  #sizeBytes = 0;

  /** `about` names the store and the form of its blocks: an index of another one is none. */
  constructor(ports: StorePorts, key: Uint8Array, about: string) {
    this.#ports = ports;
    this.#key = key;
    this.#about = about;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Opens it, or makes it. `damaged` counts what was there and could not be believed. CW_DISK_*. */
  async open(dir: Dir, each: (record: IndexRecord) => void): Promise<{ readonly damaged: number }> {
    try {
      this.#file = await dir.openFile(NAME, 'write');
    } catch (failure) {
      if (!(failure instanceof CausewayError) || failure.code !== 'CW_DISK_NOT_FOUND') throw failure;
      await this.rewrite(dir, []);
      return { damaged: 0 };
    }
    const { sizeBytes } = await this.#file.stat();
    let [at, damaged] = [0, 0];
    this.#frames = 0;
    while (at < sizeBytes) {
      const frame = await this.#read(at, sizeBytes);
      if (frame === null) {
        damaged = 1;
        break;
      }
      for (const record of frame.records) each(record);
      at += frame.sizeBytes;
    }
    this.#sizeBytes = at;
    return { damaged };
  }

  /** CW_DISK_*. */
  async append(records: readonly IndexRecord[]): Promise<void> {
    const file = this.#file;
    if (file === null) return;
    for (let from = 0; from < records.length; from += FRAME_RECORDS) {
      const frame = this.#seal(records.slice(from, from + FRAME_RECORDS));
      await writeAll(file, frame, this.#sizeBytes);
      this.#sizeBytes += frame.byteLength;
      this.#frames += 1;
    }
  }

  /** Replaces it. CW_DISK_*. */
  async rewrite(dir: Dir, records: Iterable<IndexRecord>): Promise<void> {
    await removed(dir, 'index.new');
    const file = await dir.openFile(NAME_NEW, 'create', 0o600);
    const former = this.#file;
    this.#file = file;
    this.#epoch = Buffer.from(this.#ports.random.bytes(8)).toString('hex');
    [this.#frames, this.#sizeBytes] = [0, 0];
    await this.append([['file', 0, this.#epoch, '', 0]]);
    let batch: IndexRecord[] = [];
    for (const record of records) {
      batch.push(record);
      if (batch.length < FRAME_RECORDS) continue;
      await this.append(batch);
      batch = [];
    }
    await this.append(batch);
    await file.datasync(); // or a power cut after the rename leaves an empty one
    await dir.rename(NAME_NEW, dir, NAME);
    await former?.close();
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  #seal(records: readonly IndexRecord[]): Uint8Array {
    const nonce = this.#ports.random.bytes(AEAD_NONCE_BYTES);
    const plain = utf8(JSON.stringify(records));
    const sealed = this.#ports.crypto.aead.seal(this.#key, nonce, plain, this.#bindingOf(this.#frames));
    const head = new Uint8Array(HEAD_BYTES);
    new DataView(head.buffer).setUint32(0, nonce.byteLength + sealed.byteLength, true);
    return concat([head, nonce, sealed]);
  }

  /** The first frame tells by what all others are bound to it. */
  #bindingOf(frame: number): Uint8Array {
    return utf8(`index ${this.#about} ${frame === 0 ? '' : this.#epoch} ${frame}`);
  }

  async #read(
    at: number,
    endBytes: number,
  ): Promise<{ readonly records: readonly IndexRecord[]; readonly sizeBytes: number } | null> {
    const head = await readAll(this.#file as DiskFile, at, HEAD_BYTES);
    if (head === null) return null;
    const sizeBytes = new DataView(head.buffer, head.byteOffset).getUint32(0, true);
    const isProper = sizeBytes > AEAD_NONCE_BYTES + AEAD_TAG_BYTES && at + HEAD_BYTES + sizeBytes <= endBytes;
    if (!isProper || sizeBytes > LIMITS.cacheIndexFrameMaxBytes.value) return null;
    const sealed = await readAll(this.#file as DiskFile, at + HEAD_BYTES, sizeBytes);
    if (sealed === null) return null;
    const plain = this.#ports.crypto.aead.open(
      this.#key,
      sealed.subarray(0, AEAD_NONCE_BYTES),
      sealed.subarray(AEAD_NONCE_BYTES),
      this.#bindingOf(this.#frames),
    );
    if (plain === null) return null;
    const records = JSON.parse(fromUtf8(plain) ?? '[]') as IndexRecord[]; // proven to be what was written
    if (this.#frames === 0) this.#epoch = String(records.shift()?.[2] ?? '');
    this.#frames += 1;
    return { records, sizeBytes: HEAD_BYTES + sizeBytes };
  }
}

/** Null where the file ends before. */
export async function readAll(file: DiskFile, at: number, sizeBytes: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(sizeBytes);
  for (let done = 0; done < sizeBytes; ) {
    const count = await file.read(bytes.subarray(done), at + done);
    if (count === 0) return null;
    done += count;
  }
  return bytes;
}

export async function writeAll(file: DiskFile, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) done += await file.write(bytes.subarray(done), at + done);
}

/** Removes a file where it is there. */
export async function removed(dir: Dir, name: string): Promise<void> {
  try {
    await dir.removeFile(parseName(name));
  } catch (failure) {
    if (!(failure instanceof CausewayError) || failure.code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
}

/** All that an index holds. */
export function* recordsOf(index: BlockIndex): Generator<IndexRecord> {
  let last = -1;
  for (const { file, block, slot } of index.entries()) {
    if (file.ref !== last) yield ['file', file.ref, file.file, file.version, file.sizeBytes];
    last = file.ref;
    yield ['block', file.ref, block, slot];
  }
}
