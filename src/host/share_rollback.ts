import { asCausewayError, CausewayError } from '../base/errors.ts';
import { type Name, parseName } from '../base/path.ts';
import { BATCH_FORMAT, type BatchRecord } from '../cache/rollback/batch_records.ts';
import type { BatchView, RollBackRequest } from '../contract/rollback_schemas.ts';
import { BATCH_PREFIX, LOG_NAME, ROLLBACK_FOLDER, SUMMARY_NAME } from '../share/fuse/rollback/batch_store.ts';
import { PRIVATE_NAME } from '../tree/files/names.ts';
import { RecordReader } from '../wire/record_reader.ts';
import type { Dir } from '../world/disk.ts';
import type { RollbackSeat } from '../world/mounts.ts';
import type { World } from '../world/world.ts';
import type { StoredShare } from './share_store.ts';

/** Read of a log of which nothing but the first record is wished for. */
const BEGIN_BYTES = 4_096;

/** What keeps what a machine overwrites; null where the share does not. */
export function rollbackSeat({ name, rollback, mount }: StoredShare): RollbackSeat | null {
  if (rollback === undefined) return null;
  const from = mount === undefined ? 'this host' : `${mount.vm}:${mount.path}`;
  return { share: name, from, ...rollback };
}

/** What can be taken back of a share, the oldest first. CW_DISK_*. */
export async function batchesOf(
  { disk, clock }: Pick<World, 'disk' | 'clock'>,
  { name, source }: StoredShare,
): Promise<BatchView[]> {
  await using root = await disk.openRoot(source);
  const folder = await opened(root, [PRIVATE_NAME, ROLLBACK_FOLDER, name]);
  if (folder === null) return [];
  try {
    const names = (await namesIn(folder)).filter((one) => one.startsWith(BATCH_PREFIX));
    const views = [];
    for (const one of names.sort()) {
      const view = await viewOf(folder, one, clock.wallMs());
      if (view !== null) views.push(view);
    }
    return views;
  } finally {
    await folder.close();
  }
}

/** Removes what a share has kept, with what an unfinished rollback has left. CW_DISK_*. */
export async function eraseBatches(
  { disk }: Pick<World, 'disk'>,
  { name, source }: StoredShare,
): Promise<void> {
  if ((await disk.statPath(source)) === null) return; // the folder is gone, and what was in it too
  await using root = await disk.openRoot(source);
  const all = await opened(root, [PRIVATE_NAME, ROLLBACK_FOLDER]);
  if (all === null) return;
  try {
    const folder = await opened(all, [name]);
    if (folder === null) return;
    try {
      for (const batch of await namesIn(folder)) await eraseBatch(folder, batch);
    } finally {
      await folder.close();
    }
    await all.removeDir(parseName(name));
  } finally {
    await all.close();
  }
}

async function eraseBatch(folder: Dir, name: Name): Promise<void> {
  const batch = await opened(folder, [name]);
  if (batch === null) return;
  try {
    for (const one of await namesIn(batch)) await batch.removeFile(one);
  } finally {
    await batch.close();
  }
  await folder.removeDir(name);
}

async function namesIn(folder: Dir): Promise<Name[]> {
  const names: Name[] = [];
  for await (const { name } of folder.list()) if (name !== null) names.push(name);
  return names;
}

/** The first batch that is to be taken back. CW_USAGE, CW_ROLLBACK_UNKNOWN. */
export function firstOf(
  batches: readonly BatchView[],
  { batch, agoMs }: RollBackRequest,
  wallMs: number,
): number {
  if ((batch === undefined) === (agoMs === undefined))
    throw new CausewayError('CW_USAGE', 'say to what: the number of a batch, or a time');
  const found = batches.find(({ number, endedAtMs }) =>
    agoMs === undefined ? number === batch : endedAtMs === null || endedAtMs > wallMs - agoMs,
  );
  if (found === undefined)
    throw new CausewayError(
      'CW_ROLLBACK_UNKNOWN',
      agoMs === undefined ? `there is no batch ${batch}` : 'no machine has changed anything since then',
    );
  return found.number;
}

async function viewOf(folder: Dir, name: string, nowMs: number): Promise<BatchView | null> {
  const batch = await opened(folder, [name]);
  if (batch === null) return null;
  try {
    const [begin, end] = (await recordsIn(batch, SUMMARY_NAME)) ?? (await recordsIn(batch, LOG_NAME)) ?? [];
    if (begin?.do !== 'begin') return null;
    const ended = end?.do === 'end' ? end : null;
    return {
      number: begin.number,
      atMs: begin.atMs,
      endedAtMs: ended?.atMs ?? null,
      agoMs: ended === null ? 0 : Math.max(0, nowMs - ended.atMs),
      from: begin.from,
      files: ended?.files ?? 0,
      keptBytes: ended?.keptBytes ?? 0,
      tookBack: begin.to ?? null,
      gap: begin.gap ?? null,
      isCut: ended?.isCut === true,
    };
  } finally {
    await batch.close();
  }
}

/** The first records of a file; null where there is none. */
async function recordsIn(folder: Dir, name: string): Promise<BatchRecord[] | null> {
  try {
    await using file = await folder.openFile(parseName(name), 'read');
    const bytes = new Uint8Array(BEGIN_BYTES);
    const count = await file.read(bytes, 0);
    return new RecordReader(BATCH_FORMAT).push(bytes.subarray(0, count));
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}

/** A folder below another one, to be closed; null where there is none. */
async function opened(root: Dir, names: readonly string[]): Promise<Dir | null> {
  let at = await root.clone();
  for (const name of names) {
    try {
      const next = await at.openDir(parseName(name));
      await at.close();
      at = next;
    } catch (failure) {
      await at.close();
      if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
      throw failure;
    }
  }
  return at;
}

/** What a share is to keep, with what was left out. */
export function rollbackOf(
  wished: StoredShare['rollback'] | null | undefined,
): Pick<StoredShare, 'rollback'> {
  return wished ? { rollback: { keptMs: wished.keptMs, maxBytes: wished.maxBytes } } : {};
}
