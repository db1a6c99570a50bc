import type { CompressedFigures, CopyPhase, Problem, StageFigure, UndoFigures } from '../wire/copy_types.ts';
import type { DirectFigures } from '../wire/direct_fields.ts';
import type { SideEvidence } from '../wire/evidence.ts';

/** What one side told of itself at one moment of a clock of its own. */
export interface SideReading {
  readonly atMs: number;
  /** When this side heard of it, on the monotonic clock here. */
  readonly heardMs: number;
  readonly stages: readonly StageFigure[];
  readonly evidence: SideEvidence | null;
}

/** What a side of a copy knows of it, for whoever watches. Counters of bytes are payload, not framing. */
export interface CopyView {
  readonly phase: CopyPhase;
  readonly plannedEntries: number;
  readonly plannedBytes: number;
  readonly doneEntries: number;
  readonly sentBytes: number;
  readonly resentBytes: number;
  readonly receivedBytes: number;
  /** Bytes that did not travel in this attempt: the destination had them in another version of their file. */
  readonly reusedBytes: number;
  /** Bytes that did not travel in this attempt because they are zeros. */
  readonly zeroBytes: number;
  /** What compression did in this attempt; null where the source does not compress. */
  readonly compressed: CompressedFigures | null;
  readonly durableBytes: number;
  readonly recoveredBytes: number;
  readonly problems: readonly Problem[];
  /** What was found amiss and repaired, in sentences: nothing is missing because of it. */
  readonly notes: readonly string[];
  readonly localStages: readonly StageFigure[];
  readonly remoteStages: readonly StageFigure[];
  /** What undo holds of the copy; null where nothing is recorded. */
  readonly undo: UndoFigures | null;
  /** What took the direct path in this attempt; null where nothing was to. */
  readonly direct: DirectFigures | null;
  /** Monotonic ms at which a stage of either side last moved a byte, as this side knows. */
  readonly lastMoveMs: number;
  /** Monotonic ms of the peer's last message. */
  readonly peerHeardMs: number;
  /** Of the current attempt alone, like `remote`; null before that side has told. */
  readonly local: SideReading | null;
  readonly remote: SideReading | null;
}

/** How a copy ended well: nothing is left of it but what was asked for. */
export interface CopyOutcome {
  readonly entries: number;
  readonly bytes: number;
  readonly problems: readonly Problem[];
}
