import { LIMITS } from '../../base/limits.ts';
import type { Dir } from '../../world/disk.ts';
import type { Vault } from '../keys/vault.ts';
import type { AccessPorts } from '../ports.ts';
import { AppendQueue, type Batch } from './append_queue.ts';
import { AuditKeys } from './audit_keys.ts';
import { listSegments } from './disk_io.ts';
import type { AuditPosition } from './head_file.ts';
import type { LogPlace } from './log_place.ts';
import { LogWriter } from './log_writer.ts';
import { type AuditEntry, prepareEntry } from './record.ts';
import type { DroppedTail } from './recovery.ts';
import { refusal, unavailable } from './refusal.ts';

export interface AuditLogOptions {
  /** A segment that has grown to this is closed; `LIMITS.auditSegmentMaxBytes` by default. */
  readonly segmentMaxBytes?: number;
}

/** What was found when the log was opened; also written into the log as its next record. */
export interface AuditOpening {
  readonly dropped: DroppedTail | null;
  /** What of the acknowledged records is missing; null where nothing is known to be. {@link verifyLog} finds the rest. */
  readonly damage: string | null;
}

const DAEMON = { kind: 'system', name: 'causeway', address: '' };

/** The audit log of a daemon: takes entries, makes them durable in order. One process writes to a directory at a time. */
export class AuditLog {
  readonly opening: AuditOpening;
  /** What reads the log works on. */
  readonly place: LogPlace;
  readonly #writer: LogWriter;
  readonly #queue = new AppendQueue();
  #writing: Promise<void> | null = null;
  #isOpen = true;

  private constructor(place: LogPlace, writer: LogWriter, opening: AuditOpening) {
    this.place = place;
    this.#writer = writer;
    this.opening = opening;
  }

  /**
   * Opens the log in `dir`, or begins one in an empty directory; `dirPath` is for messages. A tail that was never
   * acknowledged is dropped, and said. CW_AUDIT_UNAVAILABLE, naming the cause, where nothing can be written.
   */
  static async open(
    ports: AccessPorts,
    vault: Vault,
    at: { readonly dir: Dir; readonly dirPath: string },
    options: AuditLogOptions = {},
  ): Promise<AuditLog> {
    try {
      const keys =
        (await AuditKeys.read(ports, vault, at.dir, at.dirPath)) ?? (await newKeys(ports, vault, at));
      const place = { ports, keys, ...at };
      const segmentMaxBytes = options.segmentMaxBytes ?? LIMITS.auditSegmentMaxBytes.value;
      const { writer, continuation } = await LogWriter.open(place, { segmentMaxBytes });
      const { dropped, damage } = continuation;
      return await new AuditLog(place, writer, { dropped, damage }).#begin();
    } catch (failure) {
      throw refusal('the audit log cannot be opened', failure);
    }
  }

  /** Where the durable log ends. */
  get position(): AuditPosition {
    return this.#writer.position;
  }

  /**
   * Resolves with the sequence of the record once it is durable: only then may the work that it speaks of begin.
   * CW_AUDIT_UNAVAILABLE where it cannot be written, CW_LIMIT where it is too large.
   */
  async append(entry: AuditEntry): Promise<number> {
    if (!this.#isOpen) throw unavailable('the audit log is closed');
    const written = this.#queue.add(prepareEntry(entry, this.place.ports.clock.wallMs()));
    this.#writing ??= this.#writeAll();
    return written;
  }

  /** Waits for what was appended, then closes all files. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#writing;
    await this.#writer.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Writes batches until nothing waits: what is appended during a flush shares the next one. */
  async #writeAll(): Promise<void> {
    await Promise.resolve(); // entries that are appended in the same turn go into the first batch
    while (!this.#queue.isEmpty) {
      const firstSequence = this.#writer.position.nextSequence;
      const batch = this.#queue.take(firstSequence);
      try {
        await this.#writer.append(batch.items);
        settle(batch, firstSequence);
      } catch (failure) {
        const refused = refusal('the audit record cannot be written', failure);
        for (const done of batch.waiting) done.reject(refused);
      }
    }
    this.#writing = null;
  }

  /** Writes what was found into the log itself. */
  async #begin(): Promise<this> {
    const { dropped, damage } = this.opening;
    if (dropped === null && damage === null) return this;
    const details = {
      ...(dropped && {
        segment: dropped.segment,
        fromByte: dropped.fromByte,
        droppedBytes: dropped.sizeBytes,
      }),
      ...(damage !== null && { damage }),
    };
    const outcome = damage === null ? 'done' : 'failed';
    try {
      await this.append({ actor: DAEMON, action: 'audit.open', resource: '', outcome, details });
      return this;
    } catch (failure) {
      await this.close();
      throw failure;
    }
  }
}

function settle(batch: Batch, firstSequence: number): void {
  for (const [at, done] of batch.waiting.entries()) done.resolve(firstSequence + at);
}

/** Segments without keys are a log that nobody can go on with: keys are made for an empty directory only. */
async function newKeys(
  ports: AccessPorts,
  vault: Vault,
  { dir, dirPath }: { readonly dir: Dir; readonly dirPath: string },
): Promise<AuditKeys> {
  if ((await listSegments(dir)).length > 0)
    throw unavailable(`${dirPath} holds audit segments, and their keys are gone`);
  return AuditKeys.create(ports, vault, dir, dirPath);
}
