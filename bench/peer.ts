/** What the bench needs of a tool that copies files. */
import type { Command } from './measure.ts';
import type { NamedProcess } from './processes.ts';

export type CaseKind = 'file' | 'tree';

/** Where a run reads and writes; all paths are absolute. */
export interface CopyRun {
  readonly kind: CaseKind;
  /** A file, or a folder whose copy must appear under its own name in `destination`. */
  readonly source: string;
  /** An existing empty folder. */
  readonly destination: string;
}

export interface Peer {
  readonly name: string;
  /** What the figure includes and excludes: encryption, flushing. */
  readonly note: string;
  readonly kinds: readonly CaseKind[];
  /** @throws Unavailable when it cannot run on this machine. */
  start(): Promise<void>;
  version(): Promise<string>;
  command(run: CopyRun): Command;
  /** Server processes that take part, for their memory. */
  servers(): readonly NamedProcess[];
  stop(): Promise<void>;
}
