import { equalBytes, utf8 } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { hashBytes } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Xattr } from '../../wire/copy_types.ts';
import type { UndoXattr } from '../../wire/undo_record.ts';
import type { XattrStore } from '../../world/disk_caps.ts';
import { ACCESS_LIST, isRefusal } from '../metadata.ts';
import { contentMark } from './identity.ts';

/**
 * The attributes of an entry that a copy is about to change, as they are now. `dropsLists`: access lists that are not
 * wanted are taken away. CW_UNDO_IMPOSSIBLE where they do not fit into a record.
 */
export async function xattrChanges(
  store: XattrStore | null,
  wanted: readonly Xattr[],
  dropsLists: boolean,
): Promise<UndoXattr[]> {
  if (store === null) return [];
  const changes: UndoXattr[] = [];
  for (const { name, value } of wanted) {
    const before = await orRefused(() => store.get(name), undefined);
    if (before === undefined || (before !== null && equalBytes(before, value))) continue;
    changes.push({ name, before, after: contentMark(hashBytes(value)) });
  }
  const planned = new Set(wanted.map(({ name }) => name));
  for (const name of dropsLists ? await orRefused(() => store.list(), []) : []) {
    if (!isAccessList(name) || planned.has(name)) continue;
    changes.push({ name, before: await store.get(name), after: null });
  }
  checkSize(changes);
  return changes;
}

/** Gives back what was there, where what the copy gave stands there still. Access lists go back in any case. */
export async function restoreXattrs(store: XattrStore | null, changes: readonly UndoXattr[]): Promise<void> {
  if (store === null) return;
  for (const { name, before, after } of changes) {
    const now = await store.get(name);
    const isGiven = now === null ? after === null : after !== null && hasMark(now, after);
    if (!isGiven && !isAccessList(name)) continue;
    if (before !== null) await store.set(name, before);
    else if (now !== null) await store.remove(name);
  }
}

/** It is changed by a new mode too: what stands there later need not be what was given. */
export function isAccessList(name: string): boolean {
  return name.startsWith(ACCESS_LIST);
}

function hasMark(value: Uint8Array, mark: Uint8Array): boolean {
  return equalBytes(contentMark(hashBytes(value)), mark);
}

function checkSize(changes: readonly UndoXattr[]): void {
  const bytes = changes.reduce(
    (sum, { name, before }) => sum + utf8(name).byteLength + (before?.byteLength ?? 0),
    0,
  );
  // half of a record is left for the path and the rest of it
  if (changes.length <= LIMITS.xattrsPerEntryMax.value && bytes <= LIMITS.undoRecordMaxBytes.value / 2)
    return;
  throw new CausewayError('CW_UNDO_IMPOSSIBLE', 'its attributes are too large to be kept');
}

/** Where attributes are refused, there are none to lose; other errors of the disk are thrown. */
export async function orRefused<T>(read: () => Promise<T>, without: T): Promise<T> {
  try {
    return await read();
  } catch (failure) {
    if (!isRefusal(asCausewayError(failure).code)) throw failure;
    return without;
  }
}
