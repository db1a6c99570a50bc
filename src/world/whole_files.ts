import type { Name } from '../base/path.ts';
import type { AttrPatch, Dir, Stat } from './disk.ts';
import type { HardLinks } from './disk_caps.ts';

/** What there is to know of a plain file. */
export interface PlainStat {
  kind: 'file' | 'directory';
  sizeBytes: number;
  mode: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  inode: bigint;
  userId: number;
  groupId: number;
}

/** What tells one state of a file from another without reading it. */
export interface FileState {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: string;
}

/**
 * Small files read and written in one call each, by the calling thread: what the calls of a Dir and a DiskFile do one
 * after the other, without the wait between them. Errors are CW_DISK_*, as those calls throw them.
 */
export interface WholeFiles {
  /**
   * Reads a regular file into `into`, which is as long as the file is thought to be. Null where it had that length
   * and is in the planned state afterwards, else what stands there.
   */
  read(dir: Dir, name: Name, into: Uint8Array, planned: FileState): Stat | null;
  /** Writes a file from its start; one that exists is written over and not cut. */
  write(dir: Dir, name: Name, bytes: Uint8Array, permission: number): void;
  /**
   * Reads back what was written under `name`, as many bytes as `into` has, and where `accept` agrees with them cuts what
   * is too much, sets `attrs` and renames to `toName` in `toDir`. False where it does not agree: nothing has changed.
   * A file without bytes is made where it is missing.
   */
  finish(
    from: { readonly dir: Dir; readonly name: Name },
    into: Uint8Array,
    accept: (bytes: Uint8Array, count: number) => boolean,
    to: { readonly dir: Dir; readonly name: Name; readonly attrs: AttrPatch },
  ): boolean;
  /**
   * Gives an entry a second name, a symlink itself. `missing` where nothing stands there, `refused` where the file system
   * or its rules give no second name: CW_DISK_PERMISSION, CW_DISK_CROSS_DEVICE and CW_UNSUPPORTED of {@link HardLinks.link}.
   */
  link(dir: Dir, name: Name, toDir: Dir, toName: Name): 'linked' | 'missing' | 'refused';
  /** The names in a folder, in no order; null where they take the longer way: some are not plain. */
  names(dir: Dir): string[] | null;
  /**
   * `plain`: a regular file with one name and without holes worth telling of, attributes of its own, or a time that 64 bits
   * of nanoseconds do not hold; then `into` has all that there is to know of it. `gone`: nothing has that name. `other`:
   * everything else, which takes the longer way. Without `attributes`, those of its own are not looked for.
   */
  look(dir: Dir, name: Name, into: PlainStat, attributes: boolean): 'plain' | 'gone' | 'other';
}
