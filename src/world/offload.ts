import type { Clock } from './clock.ts';
import type { FrameCodec } from './compression.ts';
import type { Aead } from './cryptography.ts';
import type { FileSender } from './file_sender.ts';
import type { FolderScan } from './folder_scan.ts';
import { RUN_FRAMES } from './run_frames.ts';
import type { WholeFiles } from './whole_files.ts';

/** What a job has besides its arguments. */
export interface JobContext {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** Working memory of at least `sizeBytes` with arbitrary contents, for this run of the job only. */
  scratch(sizeBytes: number): Uint8Array;
  /** A short way for small files, in threads that have it; handles of a wrapped disk never get there. */
  readonly whole: WholeFiles | null;
  /** The same for lists of folders. */
  readonly folders: FolderScan | null;
  /** Sends files over connections; null where threads have no such way. */
  readonly sender: FileSender | null;
  /** What compressed messages are made of. */
  readonly frames: FrameCodec;
  /** What blocks on the disk are sealed with; null where threads have none. */
  readonly aead: Aead | null;
  /** Tells of bytes that have moved while the job goes on. */
  moved(bytes: number): void;
}

/**
 * Work on files that may run beside the calling thread. `Args` is a record whose values are open files and folders
 * (also in arrays), bytes, and what structured cloning can copy. Bytes from `sharedBytes` are the caller's own memory,
 * other bytes arrive as a copy. `Result` is what structured cloning can copy.
 */
export interface Job<Args extends object, Result> {
  /** Unique among the jobs of a program. */
  readonly name: string;
  run(args: Args, context: JobContext): Promise<Result>;
}

/** Runs jobs where they do not hold up the calling thread. */
export interface Offload {
  /** The job's result or its error; CW_INTERNAL where the thread died. Handles must stay open meanwhile. */
  run<Args extends object, Result>(
    job: Job<Args, Result>,
    args: Args,
    onMoved?: (bytes: number) => void,
  ): Promise<Result>;
  /** The same with threads that come after everything else for processor and disk; absent where there are none. */
  readonly gentle?: Offload;
  /** The same with threads that come after others and still get a fair part; absent where there are none. */
  readonly modest?: Offload;
}

/** Runs every job in the calling thread: for worlds without threads. */
export function inlineOffload(
  clock: Pick<Clock, 'monotonicMs'>,
  frames: FrameCodec = RUN_FRAMES,
  aead: Aead | null = null,
): Offload {
  const scratch = (sizeBytes: number) => new Uint8Array(sizeBytes);
  return {
    run: (job, args, moved = () => undefined) =>
      job.run(args, { clock, scratch, whole: null, folders: null, sender: null, frames, aead, moved }),
  };
}
