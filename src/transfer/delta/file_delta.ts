import { LIMITS } from '../../base/limits.ts';
import { type Chunking, FASTCDC_DEFAULT } from '../../store/chunker/chunking.ts';
import { chooseChunking } from '../../store/delta/choose_chunking.ts';
import type { DeltaStep } from '../../store/delta/delta_plan.ts';
import type { PatchSegment } from '../../wire/patch.ts';
import { SHORT_HASH_BYTES } from './short_hash.ts';

/**
 * What of a file the destination has already, as the source guesses from the hashes of the version there.
 * `blocks`: a block at the same place is compared when its chunk is read. `steps`: the whole file was cut and compared before.
 */
export type FileDelta =
  | {
      readonly kind: 'blocks';
      readonly blockBytes: number;
      readonly hashes: Uint8Array;
      /** Short hashes of the chunks of that version; none where it did not know them. */
      readonly chunks: Uint8Array;
      /** Only what is at its place is known: a chunk that differs may be there at another place, see {@link mayHaveMoved}. */
      readonly placesOnly: boolean;
    }
  | { readonly kind: 'steps'; readonly steps: readonly DeltaStep[] };

/**
 * How two versions of a file are compared: by blocks where programs change files in place, by content-defined pieces where
 * bytes shift. Null where the file is too small or too large for either. Blocks divide the chunks of the copy.
 */
export function deltaChunking(name: string, sizeBytes: number, chunkBytes: number): Chunking | null {
  const chosen = chooseChunking({ name, sizeBytes, previous: null });
  if (chosen === null || chosen.kind === 'fastcdc') return chosen;
  if (chunkBytes % chosen.chunkBytes === 0) return chosen;
  return chunkBytes >= chosen.chunkBytes ? { kind: 'fixed', chunkBytes } : FASTCDC_DEFAULT;
}

/** Whether a chunk that was compared by its place differs from what stands there, so that its pieces are to be looked for. */
export function mayHaveMoved(delta: FileDelta | null, index: number, same: Uint8Array | null): boolean {
  if (delta?.kind !== 'blocks' || !delta.placesOnly || same === null) return false;
  return index < delta.chunks.byteLength / SHORT_HASH_BYTES && same.includes(0);
}

/** A chunk in segments, given which of its blocks the destination has at the same place (1) and which not (0). */
export function segmentsOfBlocks(
  chunk: { readonly offset: number; readonly lengthBytes: number },
  blockBytes: number,
  same: Uint8Array,
): PatchSegment[] {
  const segments = new SegmentList();
  for (let from = 0; from < chunk.lengthBytes; from += blockBytes) {
    const lengthBytes = Math.min(blockBytes, chunk.lengthBytes - from);
    if (same[from / blockBytes] === 1) segments.copy(lengthBytes, chunk.offset + from);
    else segments.literal(lengthBytes);
  }
  return segments.list;
}

/** A chunk in segments, given the steps of its whole file. */
export function segmentsOfSteps(
  chunk: { readonly offset: number; readonly lengthBytes: number },
  steps: readonly DeltaStep[],
): PatchSegment[] {
  const segments = new SegmentList();
  const end = chunk.offset + chunk.lengthBytes;
  for (let at = stepAt(steps, chunk.offset); at < steps.length && steps[at]!.offset < end; at += 1) {
    const step = steps[at]!;
    const from = Math.max(step.offset, chunk.offset);
    const lengthBytes = Math.min(step.offset + step.lengthBytes, end) - from;
    if (step.kind === 'copy') segments.copy(lengthBytes, step.seedOffset + from - step.offset);
    else segments.literal(lengthBytes);
  }
  return segments.list;
}

/** Bytes of a chunk that do not travel. */
export function copiedBytes(segments: readonly PatchSegment[]): number {
  return segments.reduce((sum, segment) => sum + segment.copyBytes, 0);
}

/** The step that holds the byte at `offset`: steps follow each other without a gap. */
function stepAt(steps: readonly DeltaStep[], offset: number): number {
  let low = 0;
  let high = steps.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (steps[middle]!.offset <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Joins neighbours of one kind. Beyond LIMITS.patchSegmentsMax the rest of a chunk travels as it is. */
class SegmentList {
  readonly list: { literalBytes: number; copyBytes: number; copyFrom: number }[] = [];

  literal(bytes: number): void {
    const last = this.list.at(-1);
    if (last && (last.copyBytes === 0 || this.list.length === LIMITS.patchSegmentsMax.value)) {
      this.#giveUpCopy(last);
      last.literalBytes += bytes;
    } else this.list.push({ literalBytes: bytes, copyBytes: 0, copyFrom: 0 });
  }

  copy(bytes: number, from: number): void {
    const last = this.list.at(-1);
    if (last && last.copyBytes === 0) Object.assign(last, { copyBytes: bytes, copyFrom: from });
    else if (last && last.copyFrom + last.copyBytes === from) last.copyBytes += bytes;
    else if (this.list.length === LIMITS.patchSegmentsMax.value) this.literal(bytes);
    else this.list.push({ literalBytes: 0, copyBytes: bytes, copyFrom: from });
  }

  #giveUpCopy(segment: { literalBytes: number; copyBytes: number; copyFrom: number }): void {
    segment.literalBytes += segment.copyBytes;
    segment.copyBytes = 0;
    segment.copyFrom = 0;
  }
}
