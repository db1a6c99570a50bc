import { LIMITS } from '../../base/limits.ts';
import { matchesGlob } from '../rights/glob.ts';
import type { LogReader } from './reader.ts';
import type { AuditOutcome, AuditRecord } from './record.ts';

/** What to look for; all that is given must fit. Texts are compared as a whole, with `*` and `?`. */
export interface AuditFilter {
  /** Milliseconds since 1970 UTC: from the first one, before the second one. */
  readonly fromMs?: number;
  readonly untilMs?: number;
  /** Name of the actor. */
  readonly actor?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly outcome?: AuditOutcome;
  /** What was done to that file, or to that folder or anything below, on the host or a machine. */
  readonly path?: string;
}

export interface AuditQuery extends AuditFilter {
  /** 1 to `LIMITS.auditSearchPageMax`. */
  readonly limit: number;
  /** Only records before this sequence: `nextBefore` of the page before. */
  readonly before?: number;
}

export interface AuditPage {
  /** The newest first. */
  readonly records: readonly AuditRecord[];
  /** Where the next page begins; null where there is nothing more. */
  readonly nextBefore: number | null;
  /** Parts of the log that could not be read on the way. */
  readonly damagedParts: number;
}

/** One page of what the filter finds, the newest record first. */
export async function searchLog(reader: LogReader, query: AuditQuery): Promise<AuditPage> {
  const limit = Math.min(Math.max(1, Math.floor(query.limit)), LIMITS.auditSearchPageMax.value);
  const before = query.before ?? Number.POSITIVE_INFINITY;
  const found: AuditRecord[] = [];
  let damagedParts = 0;
  for (const segment of (await reader.segments()).reverse()) {
    const first = await reader.firstSequence(segment);
    if (first !== null && first >= before) continue;
    const read = await reader.read(segment, (record) => record.sequence < before && fits(query, record));
    damagedParts += read?.damagedParts ?? 0;
    const newestFirst = (read?.records ?? [])
      .map((one) => one.record)
      .sort((a, b) => b.sequence - a.sequence);
    found.push(...newestFirst.slice(0, limit + 1 - found.length));
    if (found.length > limit) break;
  }
  const records = found.slice(0, limit);
  const nextBefore = found.length > limit ? (records.at(-1)?.sequence ?? null) : null;
  return { records, nextBefore, damagedParts };
}

/** Whether a record is one of those looked for. */
export function fits(filter: AuditFilter, record: AuditRecord): boolean {
  if (filter.fromMs !== undefined && record.timeMs < filter.fromMs) return false;
  if (filter.untilMs !== undefined && record.timeMs >= filter.untilMs) return false;
  if (filter.outcome !== undefined && record.outcome !== filter.outcome) return false;
  return (
    isLike(filter.actor, record.actor.name) &&
    isLike(filter.action, record.action) &&
    isLike(filter.resource, record.resource) &&
    (filter.path === undefined || touches(filter.path, record))
  );
}

/** Where a copy or rename goes counts as well. */
function touches(path: string, { resource, details }: AuditRecord): boolean {
  const pattern = path.replace(/\/+$/, '');
  return [resource, details['to']].some((place) => {
    const [, at] = /^(?:host|vm:[^:]*):(\/.*)$/s.exec(typeof place === 'string' ? place : '') ?? [];
    return at !== undefined && (matchesGlob(pattern, at) || matchesGlob(`${pattern}/*`, at));
  });
}

function isLike(pattern: string | undefined, text: string): boolean {
  return pattern === undefined || matchesGlob(pattern, text);
}
