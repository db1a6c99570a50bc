import type { LoadClient } from './load.ts';

/** A program that runs until it is stopped. */
export interface BenchServer {
  readonly pid: number;
  /** The end of what it has printed. */
  readonly output: string;
  /** Resolves with the first line that it prints where its request says; CW_BENCH where it ends before, CW_TIMEOUT. */
  readyLine(): Promise<string>;
  /** Resolves when `holds` does; CW_BENCH where it ends before, CW_TIMEOUT. */
  until(holds: () => boolean | Promise<boolean>): Promise<void>;
  /** SIGTERM, then SIGKILL. */
  stop(): Promise<void>;
  /** SIGKILL at once, also for what it has started in its group. */
  kill(): Promise<void>;
}

export interface ServerRequest {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where its first line says that it serves: `fd3` a descriptor that is passed to it, `stdout`. */
  readonly ready?: 'fd3' | 'stdout';
}

/** Files and mounts of a benchmark. Paths are absolute. */
export interface BenchFiles {
  /** Which other users may pass through. */
  makeFolder(path: string): void;
  /** Only this user may read it. */
  writeText(path: string, text: string): void;
  /** Every user may write in the folder. */
  openToAll(path: string): void;
  /** With all that is in it. */
  remove(path: string): void;
  isThere(path: string): boolean;
  isMounted(path: string): boolean;
  /** Takes a mount away, from under programs that use it too; nothing where none is there. */
  unmount(path: string): Promise<void>;
}

/** What a benchmark has used. Counters only rise. */
export interface BenchCpu {
  /** Processor time of all processes that this one has started, and of theirs. */
  readonly startedMs: number;
  /** Time in which processors of the machine were at work. */
  readonly busyMs: number;
}

/** What a benchmark of servers needs of this machine: programs, files, ports. */
export interface BenchMachine {
  readonly files: BenchFiles;
  /** This program, as a command and as the agent of a machine. */
  readonly own: { readonly cli: readonly string[]; readonly agent: readonly string[] };
  /** Absolute path of a program; null where it is not installed. */
  find(program: string): string | null;
  /** Runs a program to its end; what it printed on both of its outputs. CW_BENCH where it fails. */
  run(argv: readonly string[], inputText?: string): Promise<string>;
  start(request: ServerRequest): BenchServer;
  /** Whether something listens there. */
  accepts(port: number): Promise<boolean>;
  freePort(): Promise<number>;
  cpu(): BenchCpu;
}

/** The folder of one run and the client in it. */
export interface BenchPlace {
  readonly folder: string;
  /** Type and mount point of the file system. */
  readonly fileSystem: string;
  readonly machine: BenchMachine;
  /** `parallel`: how many reads of files may wait at once. */
  startLoad(parallel: number): LoadClient;
  remove(): void;
}
