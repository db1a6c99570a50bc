/** What a kernel says has happened in a folder; several at once. */
export interface FolderEvent {
  /** Which folder: what {@link FolderEvents.add} gave. */
  readonly watch: number;
  /** Bytes as Latin-1; empty where the folder itself is meant. */
  readonly name: string;
  /** The name was made, removed or renamed, and what it stands for is another thing now. */
  readonly isRenamed: boolean;
  /** Something has come to the name with all that it is. */
  readonly isMovedIn: boolean;
  readonly isWritten: boolean;
  readonly isAttributes: boolean;
  /** The folder is watched no more. */
  readonly isEnd: boolean;
}

/** Hears of changes in folders that are open, in the calling thread. Linux. */
export interface FolderEvents {
  /** Watches the folder that a descriptor stands for: the same number for the same folder; negative where it cannot. */
  add(folderFd: number): number;
  remove(watch: number): void;
  /** All that has come since the last call, in the kernel's order. False where some were lost. */
  take(each: (event: FolderEvent) => void): boolean;
  close(): void;
}
