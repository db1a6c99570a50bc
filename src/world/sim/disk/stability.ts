import type { Dice } from '../dice.ts';
import type { CrashChoice } from './content.ts';
import { type DirChange, type DirInode, FileInode, type Inode, LinkInode } from './inode.ts';

/** Makes the first `count` unstable changes of `dir` stable, and with them all that other directories need to stay consistent. */
export function commitChanges(dir: DirInode, count: number): void {
  for (const change of dir.pending.splice(0, count)) {
    if (change.committed) continue;
    change.committed = true;
    for (const { dir: other } of change.edits) {
      if (other !== dir) commitChanges(other, other.pending.indexOf(change) + 1);
    }
    applyChange(change);
  }
}

function applyChange(change: DirChange): void {
  for (const { dir, name, inode } of change.edits) {
    if (inode === null) dir.stableEntries.delete(name);
    else dir.stableEntries.set(name, inode);
  }
}

/** How a power cut treats what was not flushed; one way for all of a file system, drawn for each cut. */
export interface CrashMode {
  /** `lost`: all of it. `kept`: none. `prefix`: all after a moment. `writes`, `pages`: each by chance. */
  readonly kind: 'lost' | 'kept' | 'prefix' | 'writes' | 'pages';
  /** For `prefix`: what has a larger number is lost. */
  readonly lastKept: number;
  readonly keepRate: number;
}

export function drawCrashMode(dice: Dice, lastSequence: number): CrashMode {
  return {
    kind: dice.pick(['lost', 'kept', 'prefix', 'prefix', 'writes', 'pages']),
    lastKept: dice.between(Math.max(0, lastSequence - 64), lastSequence),
    keepRate: dice.unit(),
  };
}

/** A decision for each number, the same each time it is asked. */
function stableCoin(dice: Dice, rate: number): (sequence: number) => boolean {
  const drawn = new Map<number, boolean>();
  return (sequence) => {
    const known = drawn.get(sequence);
    if (known !== undefined) return known;
    const kept = dice.chance(rate);
    drawn.set(sequence, kept);
    return kept;
  };
}

function contentChoice(mode: CrashMode, dice: Dice): CrashChoice {
  const coin = stableCoin(dice, mode.keepRate);
  const keepWrite = {
    lost: () => false,
    kept: () => true,
    prefix: (sequence: number) => sequence <= mode.lastKept,
    writes: coin,
    pages: () => dice.chance(mode.keepRate),
  }[mode.kind];
  const size = mode.kind === 'lost' ? 'old' : mode.kind === 'kept' ? 'new' : 'mixed';
  const torn = mode.kind === 'writes' || mode.kind === 'pages';
  return { keepWrite, size, dice, tornRate: torn ? 0.3 : 0, garbageRate: torn ? 0.2 : 0 };
}

/** How many of the unstable changes of a directory survive by themselves; others may take more of them along. */
function survivingChanges(dir: DirInode, mode: CrashMode, dice: Dice): number {
  const all = dir.pending.length;
  if (mode.kind === 'lost') return 0;
  if (mode.kind === 'kept') return all;
  if (mode.kind === 'prefix') return dir.pending.filter((change) => change.sequence <= mode.lastKept).length;
  return dice.between(0, all);
}

/** Applies a power cut to the directories with unstable changes, then to everything reachable from `root`. */
export function crashTree(root: DirInode, unstable: Set<DirInode>, mode: CrashMode, dice: Dice): Inode[] {
  // By change, not by count: a change of two folders takes what comes before it in the other folder along.
  const lastKept = [...unstable].map((dir) => ({
    dir,
    change: dir.pending[survivingChanges(dir, mode, dice) - 1],
  }));
  for (const { dir, change } of lastKept) if (change) commitChanges(dir, dir.pending.indexOf(change) + 1);
  for (const dir of unstable) dir.pending = [];
  unstable.clear();
  const choice = contentChoice(mode, dice);
  const reached: Inode[] = [];
  const seen = new Set<Inode>([root]);
  const visit = (dir: DirInode): void => {
    dir.entries = new Map(dir.stableEntries);
    for (const [name, inode] of dir.entries) {
      if (seen.has(inode)) {
        inode.addName(dir, name);
        continue;
      }
      seen.add(inode);
      inode.parent = dir;
      inode.name = name;
      inode.otherNames = [];
      reached.push(inode);
      crashInode(inode, mode, choice);
      if (isDir(inode)) visit(inode);
    }
  };
  visit(root);
  return reached;
}

function crashInode(inode: Inode, mode: CrashMode, choice: CrashChoice): void {
  const keepAttrs = mode.kind === 'kept' || (mode.kind !== 'lost' && choice.dice.chance(0.5));
  if (!keepAttrs) inode.loseAttrs();
  inode.commitAttrs();
  if (inode instanceof FileInode) inode.content.crash(choice);
}

export function isDir(inode: Inode): inode is DirInode {
  return inode.kind === 'directory';
}

/** fsync of a directory: its entries are stable, and its own attributes; those of symlinks too, which nothing else can flush. */
export function commitDir(dir: DirInode): void {
  commitChanges(dir, dir.pending.length);
  dir.commitAttrs();
  for (const inode of dir.entries.values()) if (inode instanceof LinkInode) inode.commitAttrs();
}
