import { toHex } from '../../base/bytes.ts';
import { parseName } from '../../base/path.ts';
import type { UndoFigures } from '../../wire/copy_types.ts';
import type { UndoRecord } from '../../wire/undo_record.ts';
import type { Dir } from '../../world/disk.ts';
import { keptBytes } from './kept_tree.ts';
import { UndoLog } from './read_log.ts';
import { attemptOf, isKeptName, openOrNull, withUndoFolder } from './store.ts';

export type UndoCounts = Omit<UndoFigures, 'untilMs'> & { readonly writtenMs: number };

/** What earlier attempts of a copy have kept; null where they have kept nothing. */
export async function earlierCounts(root: Dir, undoId: Uint8Array): Promise<UndoCounts | null> {
  return withUndoFolder(root, async (folder) => {
    const store = await openOrNull(folder, parseName(toHex(undoId)));
    if (store === null) return null;
    try {
      return await countAll(store);
    } finally {
      await store.close();
    }
  });
}

async function countAll(store: Dir): Promise<UndoCounts> {
  const counts = { kept: 0, made: 0, changed: 0, missing: 0 };
  let bytes = 0;
  let writtenMs = 0;
  let missingFrom: string | null = null;
  const attempts: number[] = [];
  for await (const { name } of store.list()) {
    if (name === null) continue;
    const attempt = attemptOf(name);
    if (attempt !== null) attempts.push(attempt);
    if (isKeptName(name)) bytes += await keptBytes(store, name, await store.stat(name));
  }
  for (const attempt of attempts.sort((a, b) => a - b)) {
    await using log = await UndoLog.open(store, attempt);
    writtenMs = Math.max(writtenMs, Number(log.writtenNs / 1_000_000n));
    for await (const record of log.forwards()) missingFrom ??= count(record, counts);
  }
  return { ...counts, bytes, missingFrom, writtenMs };
}

/** Adds up one record; the path where something could not be kept. */
function count(
  record: UndoRecord,
  counts: { kept: number; made: number; changed: number; missing: number },
): string | null {
  if (record.type === 'folder' && record.made) counts.made += 1;
  if (record.type === 'attrs') counts.changed += 1;
  if (record.type === 'entries')
    for (const { kept } of record.entries) counts[kept === null ? 'made' : 'kept'] += 1;
  if (record.type !== 'refused' && record.type !== 'stopped') return null;
  counts.missing += 1;
  return record.path;
}
