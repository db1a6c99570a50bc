/** How a client reaches a shared folder that is measured. */
export type LoadTarget =
  /** A folder of this machine, mounted or not. */
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'dav';
      readonly host: string;
      readonly port: number;
      readonly isEncrypted: boolean;
      /** Path of the folder, with a slash at its end. */
      readonly prefix: string;
      readonly user: string;
      readonly password: string;
    }
  /** By smbclient, for which `localFolder` holds what it is to send. */
  | { readonly kind: 'smb'; readonly argv: readonly string[]; readonly localFolder: string };

/** One piece of work of a client. Names are paths in the shared folder. What a file holds is a function of its seed. */
export type LoadTask =
  /** A new file, in order, until it is closed or the server has answered. `like`: one that is there and holds the same. */
  | {
      readonly kind: 'write';
      readonly name: string;
      readonly like: string;
      readonly sizeBytes: number;
      readonly seed: number;
    }
  | { readonly kind: 'read'; readonly name: string; readonly sizeBytes: number }
  /** Reads a file and compares each byte with what `seed` says. */
  | { readonly kind: 'verify'; readonly name: string; readonly sizeBytes: number; readonly seed: number }
  /** A new folder with `files` small files, one after the other. `like`: a folder that is there and holds the same. */
  | {
      readonly kind: 'create';
      readonly folder: string;
      readonly like: string;
      readonly files: number;
      readonly sizeBytes: number;
    }
  /** All names of a folder with sizes and times; each size is compared. */
  | { readonly kind: 'list'; readonly folder: string; readonly files: number; readonly sizeBytes: number }
  /** Pieces of 4 KiB at random places of a file, one after the other; each is compared. */
  | {
      readonly kind: 'random';
      readonly name: string;
      readonly sizeBytes: number;
      readonly seed: number;
      readonly reads: number;
    }
  /** Small files that were made by `create`, read in whole by many clients at once; each is compared. */
  | {
      readonly kind: 'clients';
      readonly folder: string;
      readonly files: number;
      readonly sizeBytes: number;
      readonly connections: number;
      readonly reads: number;
    };

export interface Latencies {
  readonly meanUs: number;
  readonly p99Us: number;
}

/** What came of a task. */
export interface LoadOutcome {
  readonly elapsedMs: number;
  /** Processor time of the client and of the programs that it has run. */
  readonly cpuMs: number;
  /** Bytes for `write`, `read` and `verify`; files or reads for others. */
  readonly amount: number;
  /** Null where only the whole was timed. */
  readonly latencies: Latencies | null;
}

/** A process that does the work of clients. */
export interface LoadClient {
  /** CW_BENCH where the work fails, or its result is wrong; CW_TIMEOUT; CW_CANCELLED. */
  perform(target: LoadTarget, task: LoadTask, signal: AbortSignal): Promise<LoadOutcome>;
  /** Ends it, in the middle of its work too. */
  stop(): Promise<void>;
}

/** Bytes of a read at a random place. */
export const RANDOM_READ_BYTES = 4_096;

/** Name of a small file. */
export function smallFileName(index: number): string {
  return `file-${String(index).padStart(6, '0')}.txt`;
}
