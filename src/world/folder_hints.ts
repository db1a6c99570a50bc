import type { Dir } from './disk.ts';

/** What a kernel says of an entry of a watched folder; several at once. */
export interface HintKinds {
  /** The name was made, or something was moved to it. */
  readonly appeared?: boolean;
  readonly movedIn?: boolean;
  readonly movedOut?: boolean;
  readonly removed?: boolean;
  /** Bytes were written, or its size was set. */
  readonly written?: boolean;
  /** Closed by somebody who could write. */
  readonly closed?: boolean;
  readonly attributes?: boolean;
}

/** That something may have happened to one name. A hint may be late, double, or about what is otherwise by now. */
export interface FolderHint extends HintKinds {
  /** Which folder: what {@link FolderHints.watch} gave. */
  readonly watch: number;
  readonly name: string;
}

export interface TakenHints {
  readonly hints: readonly FolderHint[];
  /** Some were lost: by the kernel, or because more than asked for had come. */
  readonly isLossy: boolean;
}

/** Hears of changes in folders, each by itself and not what lies below. */
export interface FolderHints {
  /** Watches the folder, wherever it is moved. The same number for the same folder. CW_WATCH_FOLDERS, CW_DISK_*. */
  watch(dir: Dir): number;
  unwatch(watch: number): void;
  /** All that has come since the last call, in the kernel's order. */
  take(maxHints: number): TakenHints;
  close(): void;
}

/** Null where this machine has no such thing. CW_WATCH_FOLDERS where all there are of it are in use. */
export type OpenFolderHints = () => FolderHints | null;
