import { LIMITS } from '../../base/limits.ts';
import type { Readings } from '../../telemetry/readings.ts';
import type { Clock } from '../../world/clock.ts';
import type { Database } from '../../world/database.ts';

const SUMS = `SELECT COUNT(*) AS jobs, COALESCE(SUM(json_extract(view, '$.undo.bytes')), 0) AS bytes
  FROM jobs WHERE ended = 1 AND json_extract(view, '$.undo.state') = 'kept' AND json_extract(view, '$.undo.untilMs') > ?`;

/** What undo holds of all ended copies. It is asked for anew after `LIMITS.metricUndoEveryMs` only: each time all copies are read. */
export class UndoSums {
  readonly #database: Database;
  readonly #clock: Pick<Clock, 'monotonicMs' | 'wallMs'>;
  #sums = { jobs: 0, bytes: 0 };
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(database: Database, clock: Pick<Clock, 'monotonicMs' | 'wallMs'>) {
    this.#database = database;
    this.#clock = clock;
  }

  async read(readings: Readings): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs >= this.#dueMs) {
      this.#dueMs = nowMs + LIMITS.metricUndoEveryMs.value;
      const [row] = await this.#database.read({ sql: SUMS, values: [this.#clock.wallMs()] });
      this.#sums = { jobs: Number(row?.['jobs'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) };
    }
    readings.set('causeway_undo_jobs', {}, this.#sums.jobs);
    readings.set('causeway_undo_held_bytes', {}, this.#sums.bytes);
  }
}
