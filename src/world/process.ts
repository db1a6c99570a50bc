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
}

export interface ProcessUsage {
  readonly residentBytes: number;
  readonly peakResidentBytes: number;
  readonly cpuMs: number;
}

/** The process table, as far as this program needs it. */
export interface Processes {
  readonly info: ProcessInfo;
  usage(): ProcessUsage;
  /** True while a process with that id runs. */
  isAlive(pid: number): boolean;
}
