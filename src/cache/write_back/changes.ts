import type { RelPath } from '../../base/path.ts';

/** What the far tree said of a node when it was last looked at. Equal ones mean that nobody has changed it. Times as text. */
export interface Base {
  readonly id: string;
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

/** Attributes as this side shows them. */
export interface NearAttrs {
  mode: number;
  userId: number;
  groupId: number;
  mtimeNs: string;
  ctimeNs: string;
  linkCount: number;
}

export type NodeKind = 'file' | 'directory' | 'symlink';

/** As {@link AttrPatch}, with the time as text. */
export interface Patch {
  readonly userId?: number;
  readonly groupId?: number;
  readonly mode?: number;
  readonly mtimeNs?: string;
}

/** What came of a change that was sent on. */
export interface Applied {
  readonly seq: number;
  /** Where the far tree has the node now; null where it has it no more. */
  readonly far: { readonly path: RelPath; readonly base: Base } | null;
  /** Set where it had to go to another name than it was to: this side shows it there from now on. */
  readonly movedTo?: RelPath;
}

/** A record of the journal, as JSON has it. `atMs` is the wall clock of this side. Data of a `write` stand beside it. */
export type Change =
  | {
      readonly do: 'make';
      readonly ref: number;
      readonly kind: NodeKind;
      /** Null: a file that nobody sees yet. */
      readonly path: RelPath | null;
      readonly attrs: NearAttrs;
      readonly target: string | null;
      readonly atMs: number;
    }
  | {
      readonly do: 'adopt';
      readonly ref: number;
      readonly kind: NodeKind;
      readonly path: RelPath;
      readonly id: string;
      readonly base: Base;
      readonly attrs: NearAttrs;
      readonly target: string | null;
    }
  | {
      readonly do: 'write';
      readonly ref: number;
      readonly offset: number;
      readonly sizeBytes: number;
      readonly atMs: number;
    }
  | { readonly do: 'truncate'; readonly ref: number; readonly sizeBytes: number; readonly atMs: number }
  | { readonly do: 'attrs'; readonly ref: number; readonly patch: Patch; readonly atMs: number }
  | {
      readonly do: 'rename';
      readonly ref: number;
      readonly to: RelPath;
      readonly replaced: number | null;
      readonly atMs: number;
    }
  | { readonly do: 'remove'; readonly ref: number; readonly atMs: number }
  | { readonly do: 'begun'; readonly seqs: readonly number[]; readonly atMs: number }
  | { readonly do: 'applied'; readonly results: readonly Applied[] };
