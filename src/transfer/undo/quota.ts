import { toHex } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Name } from '../../base/path.ts';
import { formatBytes } from '../../base/units.ts';
import type { Dir } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';
import { statOrNull } from './keep_job.ts';
import { keptBytes } from './kept_tree.ts';
import {
  attemptOf,
  isGone,
  isKeptName,
  logName,
  openOrNull,
  removeUndoSet,
  withUndoFolder,
} from './store.ts';

export interface UndoQuotaParts {
  readonly world: World;
  readonly root: Dir;
  readonly undoId: Uint8Array;
  readonly quotaBytes?: number;
}

/** The undo of one copy, as it lies there. */
export interface UndoSet {
  readonly name: Name;
  readonly bytes: number;
  /** When its copy last recorded something, ms since 1970 UTC. */
  readonly writtenMs: number;
}

/** Undo that a copy of this process writes to, or that is being undone: it is not removed meanwhile. */
const inUse = new WeakMap<World, Map<string, number>>();

/** Holds the undo of a copy until the returned function is called. */
export function holdUndo(world: World, undoId: Uint8Array): () => void {
  const held = inUse.get(world) ?? new Map<string, number>();
  inUse.set(world, held);
  const name = toHex(undoId);
  held.set(name, (held.get(name) ?? 0) + 1);
  let released = false;
  return () => {
    if (released) return;
    released = true;
    const left = (held.get(name) ?? 1) - 1;
    if (left > 0) held.set(name, left);
    else held.delete(name);
  };
}

function isHeld(world: World, name: string): boolean {
  return inUse.get(world)?.has(name) ?? false;
}

/** What copies into one folder may keep: how much is left, and the oldest undo that makes room. */
export class UndoQuota {
  readonly #parts: UndoQuotaParts;
  readonly #release: () => void;
  #quotaBytes = 0;
  #usedBytes = 0;
  #others: UndoSet[] | null = null;

  constructor(parts: UndoQuotaParts) {
    this.#parts = parts;
    this.#release = holdUndo(parts.world, parts.undoId);
  }

  get text(): string {
    return `the quota of ${formatBytes(this.#quotaBytes)} is used up`;
  }

  expire(): Promise<number> {
    const { world, root } = this.#parts;
    return expireUndo(world, root);
  }

  async leftBytes(): Promise<number> {
    if (this.#others === null) await this.#measure();
    return Math.max(0, this.#quotaBytes - this.#usedBytes);
  }

  /** Whether so much may be kept, be it in place of the oldest undo of other copies. */
  async hasRoomFor(bytes: number): Promise<boolean> {
    while ((await this.leftBytes()) < bytes) if (!(await this.freeOldest())) return false;
    return true;
  }

  took(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /** Removes the oldest undo of another copy; false where there is none that may go. */
  async freeOldest(): Promise<boolean> {
    const { world, root } = this.#parts;
    for (;;) {
      const oldest = this.#others?.shift();
      if (oldest === undefined) return false;
      if (oldest.bytes === 0 || isHeld(world, oldest.name)) continue;
      await removeUndoSet(root, oldest.name);
      this.#usedBytes -= oldest.bytes;
      return true;
    }
  }

  close(): void {
    this.#release();
  }

  async #measure(): Promise<void> {
    const { root, undoId, quotaBytes } = this.#parts;
    const own = toHex(undoId);
    const { totalBytes } = await root.space();
    const share = Math.floor((totalBytes * LIMITS.undoQuotaPercent.value) / 100);
    this.#quotaBytes = quotaBytes ?? Math.min(LIMITS.undoQuotaMaxBytes.value, share);
    const sets = await undoSets(root);
    this.#usedBytes = sets.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#others = sets.filter(({ name }) => name !== own).sort((a, b) => a.writtenMs - b.writtenMs);
  }
}

/** All undo that is kept in `root`. */
export async function undoSets(root: Dir): Promise<UndoSet[]> {
  const sets = await withUndoFolder(root, async (folder) => {
    const names: Name[] = [];
    for await (const { name, kind } of folder.list())
      if (name !== null && kind === 'directory' && names.length < LIMITS.undoSetsMax.value) names.push(name);
    const found: UndoSet[] = [];
    for (const name of names) {
      const set = await measureSet(folder, name);
      if (set !== null) found.push(set);
    }
    return found;
  });
  return sets ?? [];
}

async function measureSet(folder: Dir, name: Name): Promise<UndoSet | null> {
  const dir = await openOrNull(folder, name);
  if (dir === null) return null;
  try {
    let bytes = 0;
    let writtenNs = (await dir.self()).mtimeNs;
    let hasRecord = false;
    for await (const entry of dir.list()) {
      if (entry.name === null) continue;
      const isRecord = attemptOf(entry.name) !== null;
      if (!isRecord && !isKeptName(entry.name)) continue;
      const stat = await dir.stat(entry.name);
      if (isKeptName(entry.name)) bytes += await keptBytes(dir, entry.name, stat);
      if (!isRecord) continue;
      writtenNs = hasRecord && writtenNs > stat.mtimeNs ? writtenNs : stat.mtimeNs;
      hasRecord = true;
    }
    return { name, bytes, writtenMs: Number(writtenNs / 1_000_000n) };
  } finally {
    await dir.close();
  }
}

/** Removes undo in `root` whose time is over; how many. What is in use stays. */
export async function expireUndo(world: World, root: Dir): Promise<number> {
  let removed = 0;
  for (const { name, writtenMs } of await undoAges(root)) {
    if (isHeld(world, name) || world.clock.wallMs() - writtenMs <= LIMITS.undoKeepMs.value) continue;
    await removeUndoSet(root, name);
    removed += 1;
  }
  return removed;
}

/** As {@link undoSets}, without looking at what is kept. */
async function undoAges(root: Dir): Promise<{ readonly name: Name; readonly writtenMs: number }[]> {
  const ages = await withUndoFolder(root, async (folder) => {
    const found: { name: Name; writtenMs: number }[] = [];
    for await (const { name, kind } of folder.list()) {
      if (name === null || kind !== 'directory' || found.length >= LIMITS.undoSetsMax.value) continue;
      found.push({ name, writtenMs: await lastWrittenMs(folder, name) });
    }
    return found;
  });
  return ages ?? [];
}

async function lastWrittenMs(folder: Dir, name: Name): Promise<number> {
  if (isGone(name)) return 0;
  const dir = await openOrNull(folder, name);
  if (dir === null) return Number.POSITIVE_INFINITY;
  try {
    let newestNs = 0n;
    // a folder that a crash has left without a record counts by its own time
    for (let attempt = 1; ; attempt += 1) {
      const stat = await statOrNull(dir, logName(attempt));
      if (stat === null) break;
      if (stat.mtimeNs > newestNs) newestNs = stat.mtimeNs;
    }
    const ns = newestNs > 0n ? newestNs : (await dir.self()).mtimeNs;
    return Number(ns / 1_000_000n);
  } finally {
    await dir.close();
  }
}
