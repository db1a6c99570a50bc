import { LIMITS } from '../base/limits.ts';
import { joinAbsolute } from '../base/path.ts';
import type { AuditTrail } from '../service/audit_trail.ts';
import type { Caller } from '../service/caller.ts';
import type { Details } from '../service/procedure.ts';
import { DavFailure } from '../share/webdav/failure.ts';
import type { FileChange, FileRecords } from '../share/webdav/records.ts';
import type { Clock } from '../world/clock.ts';
import type { StoredShare } from './share_store.ts';

/** `first`: one record for each file and client in `LIMITS.shareReadRecordEveryMs`. */
export type ReadRecords = 'first' | 'all' | 'off';

export interface ShareRecordsParts {
  readonly trail: AuditTrail;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** What is recorded of reads, asked at each of them. */
  readonly reads: () => ReadRecords;
}

interface Reading {
  readonly untilMs: number;
  /** Rejects where the record of the first read could not be written. */
  readonly written: Promise<void>;
  /** Reads since that have no record of their own. */
  left: number;
}

/** Writes into the audit log what clients do with the files of shares. */
export class ShareRecords {
  readonly #parts: ShareRecordsParts;
  /** In the order in which they were recorded. */
  readonly #readings = new Map<string, Reading>();

  constructor(parts: ShareRecordsParts) {
    this.#parts = parts;
  }

  /** Somebody who did not prove to be anyone that the share knows. */
  signInRefused(share: StoredShare, caller: Caller, failure: unknown): void {
    this.#parts.trail.refused({ caller, action: 'share.use', resource: `share:${share.name}` }, failure);
  }

  /** For one client of one share. */
  of(share: StoredShare, caller: Caller): FileRecords {
    const { trail } = this.#parts;
    const deedOf = ({ action, path, to }: Pick<FileChange, 'path' | 'to'> & { action: string }) => ({
      caller,
      action,
      resource: placeOf(share, path),
      details: { share: share.name, ...(to !== undefined && { to: placeOf(share, to) }) },
    });
    return {
      begin: async (change) => {
        const begun = await trail.begin(deedOf(change));
        // the end is found by the place it went to as well
        const to: Details = change.to === undefined ? {} : { to: placeOf(share, change.to) };
        return {
          done: (details) => begun.done({ ...to, ...details }),
          failed: (failure) => {
            if (failure instanceof DavFailure)
              begun.ended('failed', { ...to, status: failure.status, message: failure.message });
            else begun.failed(failure);
          },
        };
      },
      refused: (change, failure) => trail.refused(deedOf(change), failure),
      read: (path) =>
        this.#read(caller, placeOf(share, path), (left) => {
          const { details, ...deed } = deedOf({ action: 'file.read', path });
          return trail.note({
            ...deed,
            details: { ...details, ...(left > 0 && { notRecordedBefore: left }) },
          });
        }),
    };
  }

  async #read(
    { principal, address }: Caller,
    resource: string,
    write: (left: number) => Promise<void>,
  ): Promise<void> {
    const mode = this.#parts.reads();
    if (mode === 'off') return;
    if (mode === 'all') return write(0);
    const key = [principal.kind, principal.name, address, resource].join('\n');
    const nowMs = this.#parts.clock.monotonicMs();
    const before = this.#readings.get(key);
    if (before !== undefined && nowMs < before.untilMs) {
      before.left += 1;
      return before.written;
    }
    const written = write(before?.left ?? 0);
    const untilMs = nowMs + LIMITS.shareReadRecordEveryMs.value;
    this.#readings.delete(key);
    this.#readings.set(key, { untilMs, written, left: 0 });
    const [oldest] = this.#readings.keys();
    if (this.#readings.size > LIMITS.shareReadsKnownMax.value && oldest !== undefined)
      this.#readings.delete(oldest);
    try {
      await written;
    } catch (failure) {
      this.#readings.delete(key);
      throw failure;
    }
  }
}

function placeOf({ source }: StoredShare, path: string): string {
  return `host:${path === '' ? source : joinAbsolute(source, path)}`;
}
