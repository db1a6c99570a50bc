import type { BatchRecord, Seen } from '../../../cache/rollback/batch_records.ts';
import { type Batch, isFolder, planRollback } from '../../../cache/rollback/plan.ts';
import type { Places } from './places.ts';

/** Records that a batch lacks which a process has left open: what came of its last change, and its end. */
export function sealed(places: Places, batch: Batch, isCut: boolean, atMs: number): BatchRecord[] {
  const news = settled(places, batch);
  news.push(...left(places, [...batch.records, ...news]));
  const records = [...batch.records, ...news];
  const after = lastSeen(places, { ...batch, records });
  let [files, keptBytes] = [0, 0];
  for (const record of records) {
    if (record.do === 'bytes') keptBytes += record.sizeBytes;
    if (record.do === 'remove' && record.kept !== null) keptBytes += record.seen.sizeBytes;
    if (record.do === 'rename' && record.replaced?.kept) keptBytes += record.replaced.seen.sizeBytes;
    if (CHANGES.has(record.do)) files += 1;
  }
  return [...news, { do: 'end', atMs, after, files, keptBytes, ...(isCut ? { isCut: true as const } : {}) }];
}

/** What was to lose its name, and has it still: it had a further one for a moment, which shows. */
function left(places: Places, records: readonly BatchRecord[]): BatchRecord[] {
  const [taken, failed] = records.slice(-2);
  if (failed?.do !== 'failed' || taken === undefined) return [];
  const path = taken.do === 'remove' ? taken.path : taken.do === 'rename' && taken.replaced ? taken.to : null;
  const seen = path === null ? null : places.lookUp(path);
  return seen === null ? [] : [{ do: 'left', seen }];
}

const CHANGES: ReadonlySet<BatchRecord['do']> = new Set(['image', 'made', 'remove', 'rename', 'exchange']);

/** Whether the change that its last record tells of was made is seen by what stands there; so is what was made. */
export function settled(places: Places, { records }: Batch): BatchRecord[] {
  const last = records.at(-1);
  switch (last?.do) {
    case 'make': {
      const seen = places.lookUp(last.path);
      return [seen === null ? { do: 'failed' } : { do: 'made', path: last.path, seen }];
    }
    case 'remove':
      return places.lookUp(last.path)?.key === last.seen.key ? [{ do: 'failed' }] : [];
    case 'rename':
    case 'exchange':
      return places.lookUp(last.from)?.key === last.seen.key ? [{ do: 'failed' }] : [];
    default:
      return [];
  }
}

/** Files that a batch has changed, as they are now. */
export function lastSeen(places: Places, batch: Batch): Seen[] {
  const { expected } = planRollback([batch], batch.number);
  return expected.flatMap(({ path, seen }) => {
    const there = seen === null ? null : places.lookUp(path);
    return there !== null && there.key === seen?.key && !isFolder(there) ? [there] : [];
  });
}
