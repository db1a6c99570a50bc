/** What a simulated client has done, and what of it must not have happened. */

export interface WriteRecord {
  readonly version: number;
  readonly file: string;
  readonly startMs: number;
  /** When the close was acknowledged; null where it was not, or not yet: what became of it is open. */
  ackMs: number | null;
  /** From when on nothing more of it is written, whatever became of it. */
  endMs: number;
}

export interface ReadRecord {
  readonly file: string;
  readonly client: string;
  readonly startMs: number;
  readonly endMs: number;
  /** The versions that the two halves were of. */
  readonly halves: readonly [number, number];
}

/** All writes of one simulation, by files, against which each read is checked: a regular register for each half of a file. */
export class History {
  readonly violations: string[] = [];
  readonly #writes = new Map<number, WriteRecord>();
  /** Of each file: acknowledged ones, with the latest beginning, in the order in which they were acknowledged. */
  readonly #acked = new Map<string, { readonly ackMs: number; readonly startMs: number }[]>();
  /** Of each file: writes that may overlap with reads that have not ended. */
  readonly #active = new Map<string, Set<WriteRecord>>();
  reads = 0;
  acked = 0;

  began(version: number, file: string, startMs: number): WriteRecord {
    const record: WriteRecord = { version, file, startMs, ackMs: null, endMs: Number.POSITIVE_INFINITY };
    this.#writes.set(version, record);
    const active = this.#active.get(file) ?? new Set();
    this.#active.set(file, active.add(record));
    return record;
  }

  closed(record: WriteRecord, ackMs: number): void {
    record.ackMs = ackMs;
    record.endMs = ackMs;
    this.acked += 1;
    const acked = this.#acked.get(record.file) ?? [];
    this.#acked.set(record.file, acked);
    const latest = acked.at(-1)?.startMs ?? Number.NEGATIVE_INFINITY;
    acked.push({ ackMs, startMs: Math.max(latest, record.startMs) });
  }

  failed(record: WriteRecord, endMs: number): void {
    record.endMs = endMs;
  }

  read(read: ReadRecord): void {
    this.reads += 1;
    const { file, client, startMs, endMs, halves } = read;
    const before = this.#before(file, startMs);
    for (const [half, version] of halves.entries()) {
      const write = this.#writes.get(version);
      if (version !== 0 && (write === undefined || write.file !== file))
        this.violations.push(`${client} read version ${version} in ${file}, which nobody wrote there`);
      const ackMs = version === 0 ? Number.NEGATIVE_INFINITY : (write?.ackMs ?? null);
      if (ackMs !== null && ackMs < before)
        this.violations.push(
          `stale: at ${startMs} ms ${client} read version ${version} in half ${half} of ${file}, ` +
            `over which one was written from ${before} ms on, that was acknowledged by then`,
        );
    }
    if (halves[0] !== halves[1] && this.#isQuiet(file, startMs, endMs) && this.#wereApart(halves))
      this.violations.push(
        `mixed: at ${startMs} ms ${client} read versions ${halves.join(' and ')} in ${file}`,
      );
  }

  refusedTooLate(client: string, file: string, epoch: number): void {
    this.violations.push(`fenced: a write of ${client} to ${file} with epoch ${epoch} was taken`);
  }

  /** The latest beginning of all that were acknowledged before that time. */
  #before(file: string, startMs: number): number {
    const acked = this.#acked.get(file) ?? [];
    for (let at = acked.length - 1; at >= 0; at -= 1) {
      const one = acked[at];
      if (one !== undefined && one.ackMs < startMs) return one.startMs;
    }
    return Number.NEGATIVE_INFINITY;
  }

  /** Nothing was written meanwhile. */
  #isQuiet(file: string, startMs: number, endMs: number): boolean {
    const active = this.#active.get(file) ?? new Set();
    for (const write of active) {
      if (write.endMs < startMs - LONGEST_READ_MS) active.delete(write);
      else if (write.startMs <= endMs && write.endMs >= startMs) return false;
    }
    return true;
  }

  /** Both were acknowledged, one before the other one began. */
  #wereApart(halves: readonly [number, number]): boolean {
    const [one, other] = halves.map((version) => this.#writes.get(version));
    if (one === undefined || other === undefined || one.ackMs === null || other.ackMs === null) return false;
    return one.ackMs < other.startMs || other.ackMs < one.startMs;
  }
}

/** No read of the simulation takes as long. */
const LONGEST_READ_MS = 200_000;
