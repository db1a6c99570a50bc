import { NOBODY } from '../access/rights/principal.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { joinAbsolute } from '../base/path.ts';
import type { AuditTrail } from '../service/audit_trail.ts';
import type { Caller } from '../service/caller.ts';
import type { Details } from '../service/procedure.ts';
import type { SmbSignIn } from '../share/samba/sign_ins.ts';
import { DavFailure } from '../share/webdav/failure.ts';
import type { BegunChange, FileChange, FileRecords } from '../share/webdav/records.ts';
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

/** The same for those who do not come by WebDAV. */
export interface FolderTrail extends FileRecords {
  begin(change: NumberedChange): Promise<BegunChange>;
  /** One record of what was done; resolves once it is durable. CW_AUDIT_UNAVAILABLE, CW_LIMIT. */
  note(change: NumberedChange): Promise<void>;
  /** So many records could not be written before. */
  missing(count: number): Promise<void>;
}

/** With the number of the user who asked for it on another machine. */
export type NumberedChange = FileChange & { readonly userId?: number };

/** Of Samba. */
const NO_SUCH_USER = 'NT_STATUS_NO_SUCH_USER';

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

  /** A client of SMB, whose user has the name of the share that it may use. */
  smbSignIn({ user, address, isGranted, status }: SmbSignIn): void {
    const { trail } = this.#parts;
    const from = address === null ? 'smb' : `smb:${address}`;
    const principal = isGranted ? ({ ...NOBODY, kind: 'share', name: user } as const) : NOBODY;
    const deed = {
      caller: { principal, address: from, session: null },
      action: 'share.use',
      // names that nobody has count as one: whoever tries many fills no log
      resource: status === NO_SUCH_USER ? 'shares' : `share:${user}`,
      details: { user, status },
    };
    if (isGranted)
      trail.note(deed).catch(() => undefined); // it has happened already: the alert about the log tells
    else trail.refused(deed, new CausewayError('CW_AUTH_WRONG', 'Samba refused a sign-in'));
  }

  /** For one client of one share. */
  of(share: StoredShare, caller: Caller): FolderTrail {
    const { trail } = this.#parts;
    const deedOf = ({ action, path, to, userId }: Omit<NumberedChange, 'action'> & { action: string }) => ({
      caller,
      action,
      resource: placeOf(share, path),
      details: {
        share: share.name,
        ...(to !== undefined && { to: placeOf(share, to) }),
        ...(userId !== undefined && { user: userId }),
      },
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
      note: (change) => trail.note(deedOf(change)),
      missing: (count) =>
        trail.note({
          caller,
          action: 'share.unrecorded',
          resource: `share:${share.name}`,
          details: { share: share.name, count },
        }),
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
