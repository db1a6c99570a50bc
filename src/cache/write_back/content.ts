import type { TreeFile } from '../../tree/files/file_tree.ts';
import type { Journal } from './journal.ts';
import type { Extent, Layer, Piece } from './layer.ts';

const PIECE_BYTES = 1024 * 1024;

/** The bytes of an extent from `from` to before `to`. Null where the journal has left them: they are over there. */
export async function bytesOf(
  journal: Pick<Journal, 'read'>,
  extent: Extent,
  from: number,
  to: number,
): Promise<Uint8Array | null> {
  const data = await journal.read(extent.place);
  const at = extent.skip - extent.from;
  return data?.subarray(at + from, at + to) ?? null;
}

/** What a reader gets of layers over each other, the lowest first: `below` is what lies under all of them. */
export function piecesOf(layers: readonly Layer[], from: number, to: number): Piece[] {
  const top = layers.at(-1);
  if (top === undefined) return to > from ? [{ from, to, source: 'below' }] : [];
  const under = layers.slice(0, -1);
  return top
    .pieces(from, to)
    .flatMap((piece) => (piece.source === 'below' ? filled(under, piece.from, piece.to) : [piece]));
}

/** A layer is as long as the one above believes it to be; should it be shorter, the rest is zeros. */
function filled(under: readonly Layer[], from: number, to: number): Piece[] {
  const pieces = piecesOf(under, from, to);
  const end = pieces.at(-1)?.to ?? from;
  return end < to ? [...pieces, { from: end, to, source: 'zeros' }] : pieces;
}

/** Zeros what the file below does not have. */
export async function readBelow(file: TreeFile | null, into: Uint8Array, offset: number): Promise<void> {
  const count = file === null ? 0 : await file.read(into, offset);
  into.fill(0, count);
}

/**
 * The content of layers in order, in pieces of bounded size. `below` holds what lies under them. Null where the journal has
 * left some of it.
 */
export async function* contentOf(
  journal: Pick<Journal, 'read'>,
  layers: readonly Layer[],
  below: TreeFile | null,
  from = 0,
  to = layers.at(-1)?.sizeBytes ?? 0,
): AsyncGenerator<{ readonly offset: number; readonly bytes: Uint8Array } | null> {
  for (const piece of piecesOf(layers, from, to)) {
    if (typeof piece.source === 'object') {
      const bytes = await bytesOf(journal, piece.source, piece.from, piece.to);
      yield bytes && { offset: piece.from, bytes };
      continue;
    }
    for (let at = piece.from; at < piece.to; at += PIECE_BYTES) {
      const bytes = new Uint8Array(Math.min(PIECE_BYTES, piece.to - at));
      if (piece.source === 'below') await readBelow(below, bytes, at);
      yield { offset: at, bytes };
    }
  }
}
