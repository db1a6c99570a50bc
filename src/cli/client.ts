import type { Static } from 'typebox';
import { COMMAND_LIMITS } from '../base/command_limits.ts';
import { joinAbsolute } from '../base/path.ts';
import type { AuditFilterRequest, AuditRecordView } from '../contract/audit_schemas.ts';
import type { PROCEDURES } from '../contract/procedures.ts';
import {
  EXPORT_AUDIT_PATH,
  type ProcedureName,
  ROUTES,
  SHARE_EVENTS_PATH,
  WATCH_JOB_PATH,
} from '../contract/routes.ts';
import type { JobView } from '../contract/schemas.ts';
import type { ShareEventView } from '../contract/share_event_schemas.ts';
import { requestEvents, requestJson, requestJsonLines, requestOnce } from '../world/node/local_http.ts';

type Body<N extends ProcedureName> = Static<(typeof PROCEDURES)[N]['body']>;
type Params<N extends ProcedureName> = Static<(typeof PROCEDURES)[N]['params']>;
type Result<N extends ProcedureName> = Static<(typeof PROCEDURES)[N]['result']>;

/** What must not be done twice where the answer is lost: it is asked again with a key. */
const ONCE: ReadonlySet<ProcedureName> = new Set(['startJob', 'startGroup']);

/** The daemon of one data directory, as its clients see it. */
export class DaemonClient {
  readonly socketPath: string;

  constructor(dataDirectory: string) {
    this.socketPath = joinAbsolute(dataDirectory, 'daemon.sock');
  }

  /** `body` goes into the query of a GET. Throws what the daemon reports, or CW_DAEMON_DOWN. */
  async call<N extends ProcedureName>(name: N, params: Params<N>, body?: Body<N>): Promise<Result<N>> {
    const { method, path } = ROUTES[name];
    const filled = fill(path, params as Record<string, string>);
    const request = method === 'GET' ? { path: filled + queryOf(body ?? {}) } : { path: filled, body };
    const asked = { socketPath: this.socketPath, method, ...request };
    if (!ONCE.has(name)) return (await requestJson(asked)) as Result<N>;
    const { lostAnswerRetryForMs, lostAnswerRetryEveryMs } = COMMAND_LIMITS;
    const times = { forMs: lostAnswerRetryForMs.value, everyMs: lostAnswerRetryEveryMs.value };
    return (await requestOnce(asked, times)) as Result<N>;
  }

  /** Audit records, the oldest first. CW_AUDIT_UNAVAILABLE, CW_DAEMON_DOWN where the end is missing. */
  exportAudit(filter: AuditFilterRequest, signal: AbortSignal): AsyncGenerator<AuditRecordView> {
    const path = EXPORT_AUDIT_PATH + queryOf(filter);
    return requestJsonLines(
      { socketPath: this.socketPath, method: 'GET', path },
      signal,
    ) as AsyncGenerator<AuditRecordView>;
  }

  /** The changes of a share, until the signal is aborted; the last one may say why there are no more. CW_SHARE_*, CW_DAEMON_DOWN. */
  shareEvents(name: string, since: number | null, signal: AbortSignal): AsyncGenerator<ShareEventView> {
    const path = fill(SHARE_EVENTS_PATH, { name }) + queryOf(since === null ? {} : { since });
    return requestEvents(
      { socketPath: this.socketPath, method: 'GET', path },
      signal,
    ) as AsyncGenerator<ShareEventView>;
  }

  /** The views of a job until it has ended. CW_JOB_UNKNOWN, CW_DAEMON_DOWN. */
  watch(id: string, signal: AbortSignal): AsyncGenerator<JobView> {
    const path = fill(WATCH_JOB_PATH, { id });
    return requestJsonLines(
      { socketPath: this.socketPath, method: 'GET', path },
      signal,
    ) as AsyncGenerator<JobView>;
  }
}

function queryOf(values: object): string {
  const query = Object.entries(values as Record<string, unknown>).flatMap(([name, value]) =>
    value === undefined
      ? []
      : [value].flat().map((one) => `${encodeURIComponent(name)}=${encodeURIComponent(String(one))}`),
  );
  return query.length === 0 ? '' : `?${query.join('&')}`;
}

function fill(path: string, params: Readonly<Record<string, string>>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
}
