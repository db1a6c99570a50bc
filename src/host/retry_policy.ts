import { CausewayError, ERROR_CODES, type ErrorCode, type ErrorReport, isErrorCode } from '../base/errors.ts';
import type { JobEnd } from '../transfer/copy_job.ts';
import type { StoredJob } from './job_store.ts';

/**
 * Why a job is tried again after this end of its copy; null where it is not: because no retry is left, or because it
 * would fail in the same way. A copy that left out entries is tried again where one of them may succeed.
 */
export function retryReason({ request, retriesUsed }: StoredJob, end: JobEnd): ErrorReport | null {
  if (retriesUsed >= (request.retries ?? 0)) return null;
  if (end.kind === 'failed') return mayPass(end.error.code) ? end.error.report() : null;
  if (end.kind !== 'done') return null;
  for (const { code, path, message } of end.outcome.problems)
    if (isErrorCode(code) && mayPass(code)) return new CausewayError(code, `${path}: ${message}`).report();
  return null;
}

/** Space may be freed until the next try; for whoever asked for no retry, the lack of it is a refusal. */
function mayPass(code: ErrorCode): boolean {
  const { next } = ERROR_CODES[code];
  return next === 'retry' || next === 'reconnect' || code === 'CW_COPY_NO_SPACE';
}
