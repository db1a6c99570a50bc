import { FRAME_KIND } from './layout.ts';

/** A part of a file: a frame of some kind, or null for what is none. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly kind: number | null;
}

/**
 * The parts of a file that belong to its segment, and how many bytes they are. The last segment ends where the log does. An
 * earlier one that was closed is all of its file, however long it has become: what was put into it shows. One that was not,
 * because a write had failed, ends at `endBytes`, as the next segment says; also where what failed was its footer. Without
 * `endBytes` all of it counts.
 */
export function partsWithin<P extends Piece>(
  parts: readonly P[],
  fileBytes: number,
  endBytes: number | null,
  isLast: boolean,
): { readonly parts: readonly P[]; readonly sizeBytes: number } {
  const footer = parts.findLast(({ kind }) => kind === FRAME_KIND.footer);
  const isClosed = !isLast && footer !== undefined && footer.start !== endBytes;
  if (endBytes === null || isClosed || endBytes >= fileBytes) return { parts, sizeBytes: fileBytes };
  const within = parts
    .filter(({ start }) => start < endBytes)
    .map((part) => (part.kind === null && part.end > endBytes ? { ...part, end: endBytes } : part));
  return { parts: within, sizeBytes: endBytes };
}
