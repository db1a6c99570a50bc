/** What this process knows of itself and its machine. */
export interface ProcessInfo {
  readonly pid: number;
  readonly userId: number;
  /** Home of the user this process runs as; relative paths of a machine start there. */
  readonly homeDirectory: string;
  readonly hostName: string;
  /** `linux`, `darwin`, `win32`. */
  readonly platform: string;
  readonly cpuCount: number;
  /** Memory that this process may have at most: that of the machine, or less where it is held to less. */
  readonly memoryBytes: number;
}

export interface ProcessUsage {
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
  readonly cpuMs: number;
  /** How long the thread that runs control and links has been at work, in ms since its start. */
  readonly mainThreadMs: number;
}

/** What holds programs up on this machine. Waits are summed since its start, in ms. */
export interface Strain {
  /** Time in which at least one process waited for a processor, for a disk, or for memory (pressure stall information). */
  readonly cpuWaitMs: number;
  readonly ioWaitMs: number;
  readonly memoryWaitMs: number;
  /** Time in which threads of this process could run and waited for a processor, all together; null where that is not told. */
  readonly queuedMs: number | null;
  /** Threads of this process that wait inside the kernel and cannot be interrupted, as a hanging disk makes them. */
  readonly stuckThreads: number;
}

/** How it is with the memory that this process may use. */
export interface MemoryState {
  /** Of the machine, or of a group of control that holds this process to less, now. */
  readonly allowedBytes: number;
  /** Of it, what can be had without waiting, pages of files that can be taken back among it; null where it is not told. */
  readonly availableBytes: number | null;
  /** For how long at least one process of that group, or of the machine, has waited for memory, summed; null where it is not told. */
  readonly waitMs: number | null;
}

/** How the JavaScript engine of this process fares. */
export interface RuntimeFigures {
  readonly heapUsedBytes: number;
  readonly heapSizeBytes: number;
  /** Memory of buffers beside the heap. */
  readonly externalBytes: number;
  /** Null where the platform does not tell. */
  readonly openFiles: number | null;
  readonly openFilesMax: number | null;
  /** How late the event loop comes to what is due, in ms, since the first call. */
  readonly lagMeanMs: number;
  readonly lagP99Ms: number;
  /** Since the first call. */
  readonly collections: readonly {
    readonly kind: string;
    readonly count: number;
    readonly totalMs: number;
  }[];
}

/** The process table, as far as this program needs it. */
export interface Processes {
  readonly info: ProcessInfo;
  usage(): ProcessUsage;
  /** Null where the platform does not tell. Takes about half a millisecond. */
  strain(): Strain | null;
  /** Takes a part of a millisecond. */
  memory(): MemoryState;
  /** The first call begins the measuring. */
  runtime(): RuntimeFigures;
  /** True while a process with that id runs. */
  isAlive(pid: number): boolean;
  /**
   * Lets the system have the memory below buffers that threads share and nobody uses: what is in them next is zeros, or what
   * was there. Absent where the platform cannot.
   */
  giveBack?(buffers: readonly Uint8Array[]): void;
}
