/** What the bench needs of a tool that copies files. */
import type { Command } from './measure.ts';
import type { Prior } from './prior.ts';
import type { NamedProcess } from './processes.ts';

/** `usage`: the program tells its usage and ends. */
export type CaseKind = 'file' | 'tree' | 'usage';

/** Where a run reads and writes; all paths are absolute. */
export interface CopyRun {
  readonly kind: CaseKind;
  /** A file, or a folder whose copy must appear under its own name in `destination`. */
  readonly source: string;
  /** An existing empty folder. */
  readonly destination: string;
  /** What stands in `destination`; absent: nothing. */
  readonly prior?: Prior;
}

/** What a tool can and what its figures hold. */
export interface PeerTraits {
  readonly name: string;
  /** What the figure includes and excludes: encryption, flushing. */
  readonly note: string;
  readonly kinds: readonly CaseKind[];
  /** It looks at what is there already; others copy all again. */
  readonly updates: boolean;
  /** It reaches the other side without the network, so that a shaped link says nothing of it. */
  readonly local: boolean;
}

export interface Peer extends PeerTraits {
  /** @throws Unavailable when it cannot run on this machine. */
  start(): Promise<void>;
  version(): Promise<string>;
  command(run: CopyRun): Command;
  /** Server processes that take part, for their memory. */
  servers(): readonly NamedProcess[];
  stop(): Promise<void>;
}
