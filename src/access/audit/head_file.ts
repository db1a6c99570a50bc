import { equalBytes } from '../../base/bytes.ts';
import { HASH_BYTES } from '../../base/hash.ts';
import { parseName } from '../../base/path.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';
import type { AuditKeys } from './audit_keys.ts';
import { createFile, readFile, writeFully } from './disk_io.ts';
import { viewOf } from './layout.ts';

/** Where the log ends: everything before it was acknowledged or may have been. */
export interface AuditPosition {
  readonly segment: number;
  /** Of that segment. */
  readonly sizeBytes: number;
  /** The sequence of the next record. */
  readonly nextSequence: number;
  /** The chain value after the last byte. */
  readonly chain: Uint8Array;
}

/** What is known of the end of a log. */
export interface StoredHead {
  readonly position: AuditPosition | null;
  /** Slots that hold something else than a proven head. */
  readonly damagedSlots: number;
  readonly role: HeadRole;
}

/** Of a log, nothing lies behind the end but what was never acknowledged; of a copy, also what is being copied. */
export type HeadRole = 'log' | 'copy';

const NAME = parseName('head');
/** The two slots lie in sectors of their own, so that a torn write damages one of them only. */
const SLOT_BYTES = 512;
const SLOTS = 2;
const MAGIC: Readonly<Record<HeadRole, number>> = { log: 0x48_41_57_43, copy: 0x43_41_57_43 };
const PROVEN_BYTES = 32 + HASH_BYTES;

/*
 * slot: 0 magic u32 | 4 segment u32 | 8 counter u64 | 16 size u64 | 24 next sequence u64 | 32 chain 32 | 64 HMAC 32 | zeros
 */

/** Reads the head of the log in `dir`. */
export async function readHead(
  keys: AuditKeys,
  dir: Dir,
): Promise<StoredHead & { readonly counter: number }> {
  const bytes = (await readFile(dir, NAME, SLOTS * SLOT_BYTES)) ?? new Uint8Array(0);
  const slots = Array.from({ length: SLOTS }, (_, at) =>
    decodeSlot(keys, bytes.subarray(at * SLOT_BYTES, (at + 1) * SLOT_BYTES)),
  );
  const good = slots.filter((slot) => slot !== null).sort((a, b) => b.counter - a.counter);
  return {
    position: good[0]?.position ?? null,
    counter: good[0]?.counter ?? 0,
    damagedSlots: SLOTS - good.length,
    role: good[0]?.role ?? 'log',
  };
}

/**
 * The head of a log: a file of two slots. Each write comes after the records that it counts are durable, and goes to the
 * slot that does not hold what was flushed last, so that a power cut tears one slot at most. It is flushed now and then
 * only: after a power cut it may say what was there a moment before.
 */
export class HeadFile {
  readonly #keys: AuditKeys;
  readonly #file: DiskFile;
  readonly #role: HeadRole;
  #counter: number;
  #slot = 0;

  private constructor(keys: AuditKeys, file: DiskFile, role: HeadRole, counter: number) {
    this.#keys = keys;
    this.#file = file;
    this.#role = role;
    this.#counter = counter;
  }

  /** Writes the head anew, both slots, durable. */
  static async create(
    keys: AuditKeys,
    dir: Dir,
    position: AuditPosition,
    role: HeadRole = 'log',
  ): Promise<HeadFile> {
    const { counter } = await readHead(keys, dir);
    const staged = parseName('head.new');
    const bytes = new Uint8Array(SLOTS * SLOT_BYTES);
    for (let next = counter + 1; next <= counter + SLOTS; next += 1) {
      bytes.set(encodeSlot(keys, role, position, next), (next - counter - 1) * SLOT_BYTES);
    }
    const file = await createFile(dir, staged, bytes);
    try {
      await dir.rename(staged, dir, NAME); // the old head stays until the new one is whole
      await dir.sync();
    } catch (failure) {
      await file.close();
      throw failure;
    }
    return new HeadFile(keys, file, role, counter + SLOTS);
  }

  async write(position: AuditPosition): Promise<void> {
    const counter = this.#counter + 1;
    const bytes = encodeSlot(this.#keys, this.#role, position, counter);
    await writeFully(this.#file, bytes, this.#slot * SLOT_BYTES);
    this.#counter = counter;
  }

  async flush(): Promise<void> {
    await this.#file.datasync();
    this.#slot = (this.#slot + 1) % SLOTS;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function encodeSlot(keys: AuditKeys, role: HeadRole, position: AuditPosition, counter: number): Uint8Array {
  const bytes = new Uint8Array(SLOT_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, MAGIC[role], true);
  view.setUint32(4, position.segment, true);
  view.setBigUint64(8, BigInt(counter), true);
  view.setBigUint64(16, BigInt(position.sizeBytes), true);
  view.setBigUint64(24, BigInt(position.nextSequence), true);
  bytes.set(position.chain, 32);
  bytes.set(keys.proveHead(bytes.subarray(0, PROVEN_BYTES)), PROVEN_BYTES);
  return bytes;
}

interface Slot {
  readonly position: AuditPosition;
  readonly counter: number;
  readonly role: HeadRole;
}

function decodeSlot(keys: AuditKeys, bytes: Uint8Array): Slot | null {
  if (bytes.byteLength !== SLOT_BYTES) return null;
  const view = viewOf(bytes);
  const role = view.getUint32(0, true) === MAGIC.copy ? 'copy' : 'log';
  const position = {
    segment: view.getUint32(4, true),
    sizeBytes: Number(view.getBigUint64(16, true)),
    nextSequence: Number(view.getBigUint64(24, true)),
    chain: bytes.slice(32, PROVEN_BYTES),
  };
  const counter = Number(view.getBigUint64(8, true));
  // all of it is compared, the zeros too
  return equalBytes(encodeSlot(keys, role, position, counter), bytes) ? { position, counter, role } : null;
}
