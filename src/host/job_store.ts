import { CausewayError } from '../base/errors.ts';
import type { JobState, JobView, StartJobRequest } from '../contract/schemas.ts';

/** What a running job is to become once its copy has stopped. */
export type JobWish = 'cancel' | 'interrupt' | 'pause';

/** A job as it outlives the daemon. */
export interface StoredJob {
  readonly id: string;
  readonly request: StartJobRequest;
  /** ms since 1970 UTC, whole. */
  readonly createdAtMs: number;
  readonly state: JobState;
  /** Noted before the copy is told, so that a daemon that dies meanwhile does not start it again. */
  readonly wish: JobWish | null;
  /** It has run at some time: something may be left at its destination. */
  readonly started: boolean;
  readonly retriesUsed: number;
  /** Not before this moment (ms since 1970 UTC, whole): the next retry. */
  readonly notBeforeMs: number | null;
  /** What was last known of it. */
  readonly view: JobView;
}

export interface JobQuery {
  /** Null for all. */
  readonly states: readonly JobState[] | null;
  readonly vm: string | null;
  readonly group?: string | undefined;
  readonly limit: number;
  /** `nextCursor` of the page before, or null for the newest jobs. */
  readonly cursor: string | null;
}

export interface StoredPage {
  readonly jobs: readonly StoredJob[];
  readonly nextCursor: string | null;
}

/**
 * The jobs of a daemon. Of those that have ended, the LIMITS.jobsKeptMax newest are kept. Calls take effect in the order
 * in which they are made. Errors: CW_DISK_*, CW_DAEMON_STATE.
 */
export interface JobStore {
  /** Jobs that have not ended, oldest first. */
  unfinished(): Promise<readonly StoredJob[]>;
  get(id: string): Promise<StoredJob | null>;
  /** Newest first. CW_USAGE for a cursor that is none. */
  list(query: JobQuery): Promise<StoredPage>;
  /** Adds or replaces all of them or none; durable when it resolves. */
  put(jobs: readonly StoredJob[]): Promise<void>;
}

/** The place of a job in the order of creation, as a cursor names it. CW_USAGE. */
export function sequenceOfCursor(cursor: string | null): number {
  if (cursor === null) return Number.MAX_SAFE_INTEGER;
  const sequence = /^\d{1,15}$/.test(cursor) ? Number(cursor) : Number.NaN;
  if (sequence >= 1) return sequence;
  throw new CausewayError('CW_USAGE', `${cursor} is not the cursor of a page of jobs`);
}

/** A page of `query.limit` jobs out of the rows found, which are one more where there is a next page. */
export function pageOf(
  found: readonly { readonly sequence: number; readonly job: StoredJob }[],
  limit: number,
): StoredPage {
  const rows = found.slice(0, limit);
  const nextCursor = found.length > limit ? String(rows.at(-1)!.sequence) : null;
  return { jobs: rows.map(({ job }) => job), nextCursor };
}
