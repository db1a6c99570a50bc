import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { JobState, JobView } from '../contract/schemas.ts';
import type { Database, SqlRow, SqlStatement, SqlValue } from '../world/database.ts';
import { hasEnded } from './job_state.ts';
import {
  type JobQuery,
  type JobStore,
  type JobWish,
  pageOf,
  type StoredJob,
  type StoredPage,
  sequenceOfCursor,
} from './job_store.ts';

const PUT = `INSERT INTO jobs
    (id, vm, state, ended, created_at_ms, wish, started, retries_used, not_before_ms, request, view)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, ended = excluded.ended, wish = excluded.wish, started = excluded.started,
    retries_used = excluded.retries_used, not_before_ms = excluded.not_before_ms,
    request = excluded.request, view = excluded.view`;

const FORGET_OLDEST = `DELETE FROM jobs WHERE ended = 1 AND sequence <=
  (SELECT sequence FROM jobs WHERE ended = 1 ORDER BY sequence DESC LIMIT 1 OFFSET ?)`;

/** The jobs of a daemon in the table `jobs` of its database. */
export class SqlJobStore implements JobStore {
  readonly #database: Database;

  /** The database has the layout of state_database.ts. */
  constructor(database: Database) {
    this.#database = database;
  }

  async unfinished(): Promise<readonly StoredJob[]> {
    const rows = await this.#database.read({ sql: 'SELECT * FROM jobs WHERE ended = 0 ORDER BY sequence' });
    return rows.map(jobOf);
  }

  async get(id: string): Promise<StoredJob | null> {
    const [row] = await this.#database.read({ sql: 'SELECT * FROM jobs WHERE id = ?', values: [id] });
    return row === undefined ? null : jobOf(row);
  }

  async list({ states, vm, group, limit, cursor }: JobQuery): Promise<StoredPage> {
    const conditions = ['sequence < ?'];
    const values: SqlValue[] = [sequenceOfCursor(cursor)];
    if (states !== null) {
      conditions.push(`state IN (${states.map(() => '?').join(', ')})`);
      values.push(...states);
    }
    if (vm !== null) {
      conditions.push("(vm = ? OR json_extract(request, '$.fromVm') = ?)");
      values.push(vm, vm);
    }
    if (group !== undefined) {
      conditions.push("json_extract(request, '$.group') = ?");
      values.push(group);
    }
    const sql = `SELECT * FROM jobs WHERE ${conditions.join(' AND ')} ORDER BY sequence DESC LIMIT ?`;
    const rows = await this.#database.read({ sql, values: [...values, limit + 1] });
    return pageOf(
      rows.map((row) => ({ sequence: row['sequence'] as number, job: jobOf(row) })),
      limit,
    );
  }

  async put(jobs: readonly StoredJob[]): Promise<void> {
    const statements: SqlStatement[] = jobs.map((job) => ({ sql: PUT, values: valuesOf(job) }));
    if (jobs.some(({ state }) => hasEnded(state)))
      statements.push({ sql: FORGET_OLDEST, values: [LIMITS.jobsKeptMax.value] });
    await this.#database.write(statements);
  }
}

function valuesOf(job: StoredJob): SqlValue[] {
  return [
    job.id,
    job.request.vm,
    job.state,
    Number(hasEnded(job.state)),
    job.createdAtMs,
    job.wish,
    Number(job.started),
    job.retriesUsed,
    job.notBeforeMs,
    JSON.stringify(job.request),
    JSON.stringify(job.view),
  ];
}

function jobOf(row: SqlRow): StoredJob {
  const id = row['id'] as string;
  return {
    id,
    request: json(id, row['request']),
    createdAtMs: row['created_at_ms'] as number,
    state: row['state'] as JobState,
    wish: row['wish'] as JobWish | null,
    started: row['started'] === 1,
    retriesUsed: row['retries_used'] as number,
    notBeforeMs: row['not_before_ms'] as number | null,
    view: withNewMembers(json(id, row['view'])),
  };
}

function json<T>(id: string, value: SqlValue | undefined): T {
  try {
    return JSON.parse(String(value)) as T;
  } catch (cause) {
    throw new CausewayError('CW_DAEMON_STATE', `job ${id} is damaged in the database`, { cause });
  }
}

/** Jobs of earlier versions lack what was added since. */
function withNewMembers(view: Partial<JobView>): JobView {
  return { reusedBytes: 0, zeroBytes: 0, undo: null, ...view } as JobView;
}
