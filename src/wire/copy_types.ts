import type { DirectFigures, DirectMode, DirectProof } from './direct_fields.ts';
import type { SideEvidence } from './evidence.ts';
import type { PlanColumns } from './plan_page.ts';
import type { Stage } from './stages.ts';

/** Kinds of entry a copy carries. `hardLink`: one more name of a file that stands before it in the plan. */
export type PlanKind = 'file' | 'directory' | 'symlink' | 'hardLink';

/** An extended attribute or, as `system.posix_acl_*`, an access control list. */
export interface Xattr {
  /** With its namespace: `user.mime_type`. */
  readonly name: string;
  readonly value: Uint8Array;
}

/** One entry of the plan. `path` is relative to the folder that takes the copy. */
export interface PlanEntry {
  readonly path: string;
  readonly kind: PlanKind;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly inode: string;
  /** Target of a symlink; of a hard link the path of the file that it is another name of; else the empty string. */
  readonly linkTarget: string;
  /** Of a hard link: number of the entry of that file. */
  readonly first?: number;
  /** Who owns it at the source; absent where the source knows no numbers of users. */
  readonly userId?: number;
  readonly groupId?: number;
  /** Absent: none. */
  readonly xattrs?: readonly Xattr[];
  /** Of a file with holes: its bytes outside of them. */
  readonly dataBytes?: number;
}

/** An entry that is not copied, with the reason. */
export interface Problem {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

/** How far one stage is. Times in ms, all but `activeMs` summed since the attempt began. */
export interface StageFigure {
  readonly stage: Stage;
  readonly bytes: number;
  readonly busyMs: number;
  /** How long the oldest unfinished operation of the stage has lasted, 0 when none runs. */
  readonly activeMs: number;
  /** Idle while a stage before it on the same side worked. */
  readonly starvedMs: number;
  /** Idle while only stages behind it on the same side worked. */
  readonly blockedMs: number;
}

/** A chunk that the destination has from an earlier attempt, checked by its hash. */
export interface HaveChunk {
  /** Index of the chunk. */
  readonly i: number;
  /** Its hash. */
  readonly h: Uint8Array;
}

/** Whether entries keep their owner and group: `auto` where the destination's process is root, which alone may give files away. */
export type OwnerMode = 'auto' | 'keep' | 'none';

/** Entries of the user or group `from` (null: any that no other rule names) get `to` at the destination. */
export interface IdMapping {
  readonly kind: 'user' | 'group';
  readonly from: number | null;
  readonly to: number;
}

/** What becomes of entries whose names the destination cannot hold: nothing is copied, they get other names, or they are passed over. */
export type OnClash = 'fail' | 'rename' | 'skip';

export interface CopyOptions {
  readonly chunkBytes: number;
  readonly lanes: number;
  /** Also copies files that the destination has with the same size and modification time. */
  readonly ignoreTimes: boolean;
  /** Files of the same size and modification time are read on both sides and compared; absent: they count as unchanged. */
  readonly checksum?: boolean;
  /** Path of an earlier copy at the sink, as `destination`: files that it has as planned become hard links to it. Absent: none. */
  readonly linkDest?: string;
  /** Sends files in whole, also where the destination has another version to take unchanged parts from. */
  readonly wholeFile: boolean;
  /** What the source sends at most, on average; null: as much as goes. */
  readonly limitBytesPerSecond: number | null;
  /** Absent: `auto`. */
  readonly owner?: OwnerMode;
  /** Absent: none. */
  readonly idMappings?: readonly IdMapping[];
  /** What this copy gets beside others of its class, 1 to LIMITS.weightMax; absent: 1. */
  readonly weight?: number;
  /** Messages are compressed where the sink can read that; absent: they are not. */
  readonly compress?: CompressOptions | undefined;
  /** Absent: `bulk`. */
  readonly trafficClass?: TrafficClass;
  /** The source sends only what it is granted; absent: false. */
  readonly paced?: boolean;
  /** Absent: `fail`. */
  readonly onClash?: OnClash;
  /** Patterns, as in a .gitignore, of entries that are passed over; absent: none. */
  readonly exclude?: readonly string[];
  /** Deletes in the folders of the copy what the source does not have; absent: false. */
  readonly mirror?: boolean;
  /** Absent: what the copy replaces is not kept. */
  readonly undo?: UndoOptions | undefined;
  /** Whether the sink copies files by itself where it reaches the source's; absent: `never`. */
  readonly direct?: DirectMode;
}

/** How messages are compressed. */
export interface CompressOptions {
  /** 1 (fastest) to 19 (smallest); 0: as it pays, which is not at all where the link is faster than the compressor. */
  readonly level: number;
  /** Small files travel in messages as large as a chunk. */
  readonly largePacks: boolean;
}

/** The strongest level: beyond it zstd takes much more memory on both sides. */
export const COMPRESS_LEVEL_MAX = 19;

/** What compression did in this attempt, bytes of files. */
export interface CompressedFigures {
  /** The highest that was used; 0: none. */
  readonly level: number;
  /** What was compressed, and what it became. */
  readonly beforeBytes: number;
  readonly afterBytes: number;
  /** What went as it is: it does not get smaller, or the link is faster. */
  readonly skippedBytes: number;
}

/** That the sink keeps what the copy replaces. */
export interface UndoOptions {
  /** Identity of what is kept: the same for all attempts of one job, and for no other job. */
  readonly id: Uint8Array;
  /** Nothing is replaced that cannot be kept. */
  readonly required: boolean;
}

/** What undo holds of a copy. */
export interface UndoFigures {
  /** Entries that were replaced and are kept, and what they take. */
  readonly kept: number;
  readonly bytes: number;
  /** Entries where nothing stood before. */
  readonly made: number;
  /** Files that stay as they are and get another mode, owner or attribute. */
  readonly changed: number;
  /** Entries that were replaced and could not be kept; where it began. All behind a used-up quota count as one. */
  readonly missing: number;
  readonly missingFrom: string | null;
  /** When what is kept is removed, ms since 1970 UTC. */
  readonly untilMs: number;
}

/** `background` gets what `bulk` leaves, and one byte in five where both have something to send. */
export type TrafficClass = 'bulk' | 'background';
export const TRAFFIC_CLASSES: readonly TrafficClass[] = ['bulk', 'background'];

/** Opening of a `transfer` stream: the side that asks for a copy tells the other its part in it. */
export interface CopyOpening {
  readonly transferId: Uint8Array;
  /** The part of the side that receives this message. */
  readonly role: 'source' | 'sink';
  /** Paths at the source as the user meant them, absolute. */
  readonly sources: readonly string[];
  readonly destination: string;
  readonly options: CopyOptions;
  /** For a sink: the bytes come over another link before this one, which does not vouch for them. */
  readonly checkArrival: boolean;
}

/** Opening of a `lane` stream. */
export interface LaneOpening {
  readonly transferId: Uint8Array;
  readonly lane: number;
  /** The source may give the lane a connection of its own (lane_switch.ts). */
  readonly direct?: boolean;
}

/** From source to sink. */
export type SourceMessage =
  | {
      readonly t: 'sources';
      readonly roots: readonly RootInfo[];
      /** From a source that offers the direct path. */
      readonly proof?: DirectProof | undefined;
    }
  | ({ readonly t: 'plan' } & PlanColumns)
  | {
      readonly t: 'planEnd';
      readonly entries: number;
      readonly bytes: number;
      readonly problems: readonly Problem[];
    }
  | { readonly t: 'fileEnd'; readonly file: number; readonly root: Uint8Array }
  /**
   * Asks for the pieces of the version that the sink offered; `chunking` names the way of cutting. With `chunks` the hashes
   * of its chunks are wanted too, where they are known.
   */
  | {
      readonly t: 'askBase';
      readonly file: number;
      readonly chunking: string;
      readonly chunks?: boolean;
      /** Only pieces from that byte on are wanted, the first one begins there. */
      readonly from?: number;
    }
  /** Sums of the contents of files that the sink asked for, 32 bytes each; `last` ends the answer to one `compare`. */
  | {
      readonly t: 'sums';
      readonly files: readonly number[];
      readonly hashes: Uint8Array;
      readonly last: boolean;
    }
  | { readonly t: 'fileChanged'; readonly file: number; readonly version: number; readonly entry: PlanEntry }
  | { readonly t: 'fileFailed'; readonly file: number; readonly code: string; readonly message: string }
  | SharedMessage;

/** One thing the user named: its last component and what it is; `contents` when the user asked for what is inside (`DIR/.`). */
export interface RootInfo {
  readonly name: string;
  readonly kind: PlanKind;
  readonly contents: boolean;
}

/** From sink to source. */
export type SinkMessage =
  /** `notes` tell what was found amiss and repaired; nothing is missing because of it. */
  | {
      readonly t: 'ready';
      readonly freeBytes: number;
      readonly recoveredBytes: number;
      readonly notes: readonly string[];
      /** What the frames of compressed messages may be; absent: none. Unknown names are passed over. */
      readonly codings?: readonly string[];
      /** Whether the sink copies by itself what it has told by `take`; absent: it does not know of that. */
      readonly direct?: boolean | undefined;
    }
  | { readonly t: 'have'; readonly file: number; readonly chunks: readonly HaveChunk[] }
  /** Files that are in place already: a bit for each entry from `first` on, lowest bit of a byte first. */
  | { readonly t: 'skip'; readonly first: number; readonly bits: Uint8Array }
  /** Files of which another version stands at the destination, in the same way. */
  | { readonly t: 'offer'; readonly first: number; readonly bits: Uint8Array }
  /** Files that the sink copies by itself, in the same way, before `ready`: they are not to be sent. */
  | { readonly t: 'take'; readonly first: number; readonly bits: Uint8Array }
  /** Of these, one that it cannot copy: it is to be sent. */
  | { readonly t: 'giveBack'; readonly file: number }
  /** Asks for the sums of files, in the same way, before `ready`. */
  | { readonly t: 'compare'; readonly first: number; readonly bits: Uint8Array }
  | BaseMessage
  /** So many bytes of lane messages more may go, where the options say `paced`. */
  | { readonly t: 'grant'; readonly bytes: number }
  | { readonly t: 'reject'; readonly file: number; readonly index: number; readonly stage: Stage }
  /** What was there of a changed file is dropped; its new version may be sent. */
  | { readonly t: 'restarted'; readonly file: number; readonly version: number }
  | { readonly t: 'published'; readonly files: readonly number[] }
  | { readonly t: 'problem'; readonly problem: Problem; readonly file: number }
  /** `notes`: what was noticed since `ready`. */
  | { readonly t: 'complete'; readonly problems: readonly Problem[]; readonly notes?: readonly string[] }
  | SharedMessage;

/** Pieces in a row of the version of a file that the sink has; none and `last` where it cannot give them. */
export interface BaseMessage {
  readonly t: 'base';
  readonly file: number;
  /** Lengths of the pieces, 32 bits each, little endian. */
  readonly lengths: Uint8Array;
  /** The first 8 bytes of the BLAKE3 of each piece. */
  readonly hashes: Uint8Array;
  /** The same of chunks in a row, where the source asked for them. */
  readonly chunks?: Uint8Array;
  readonly last: boolean;
}

export type SharedMessage =
  | ProgressMessage
  | { readonly t: 'failed'; readonly code: string; readonly message: string }
  /** Stop; `keep` leaves what is there for a later resume. */
  | { readonly t: 'stop'; readonly keep: boolean };

/** What one side tells of how far it is; counters only rise within an attempt. */
export interface ProgressMessage {
  readonly t: 'progress';
  /** Payload bytes the source gave to the lanes. */
  readonly sentBytes: number;
  /** Payload bytes that reached the sink. */
  readonly receivedBytes: number;
  /** Of these, bytes that are flushed, rejected or ignored: what the source may count as no longer in flight. */
  readonly settledBytes: number;
  /** Bytes of the plan that are flushed at the destination, earlier attempts included. */
  readonly durableBytes: number;
  /** From the sink: of the durable bytes those that stood there before this attempt. */
  readonly recoveredBytes?: number | undefined;
  readonly doneEntries: number;
  readonly phase: CopyPhase;
  readonly stages: readonly StageFigure[];
  /** For how long nothing went on at this side, in ms; null where the sender does not tell. */
  readonly quietMs: number | null;
  /** When the sender took these figures, on a clock of its own; null where it does not tell. */
  readonly atMs: number | null;
  /** What else it knows, about once a second; null in between. */
  readonly evidence: SideEvidence | null;
  /** From a source that compresses. */
  readonly compressed?: CompressedFigures | undefined;
  /** From the sink, once it has kept or recorded something. */
  readonly undoHeld?: UndoFigures | undefined;
  /** From the sink, where the copy may take the direct path. */
  readonly direct?: DirectFigures | undefined;
}

export const COPY_PHASES = ['planning', 'checking', 'copying', 'finishing', 'done'] as const;
export type CopyPhase = (typeof COPY_PHASES)[number];
