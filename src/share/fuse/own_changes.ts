import { type Frame, idAt } from './frame.ts';
import { OP } from './protocol.ts';

/** What a request changes: files and folders by their ids, and names in those folders. */
export interface OwnChange {
  readonly ids: readonly number[];
  readonly names: readonly string[];
}

/** Requests that change a file by its id. */
const OF_FILE: ReadonlySet<number> = new Set([
  OP.setattr,
  OP.write,
  OP.fallocate,
  OP.setxattr,
  OP.removexattr,
]);

/** Requests that change a name in a folder, and what stands before the name. */
const OF_NAME: ReadonlyMap<number, number> = new Map([
  [OP.symlink, 0],
  [OP.unlink, 0],
  [OP.rmdir, 0],
  [OP.mkdir, 8],
  [OP.link, 8],
  [OP.mknod, 16],
  [OP.create, 16],
]);

/** Of the request that was read last; null where it changes nothing. */
export function ownChangeOf(frame: Frame, view: DataView, text: TextAt): OwnChange | null {
  const { opcode, nodeId, body } = frame;
  if (OF_FILE.has(opcode)) return { ids: [nodeId], names: [] };
  if (opcode === OP.copyFileRange)
    return frame.holds(24) ? { ids: [idAt(view, body + 16)], names: [] } : null;
  const isRename = opcode === OP.rename || opcode === OP.rename2;
  const headBytes = isRename ? (opcode === OP.rename ? 8 : 16) : OF_NAME.get(opcode);
  if (headBytes === undefined || !frame.holds(headBytes)) return null;
  const nameAt = body + headBytes;
  const end = frame.endOfText(nameAt);
  if (end < 0) return null;
  const names = [text(nameAt, end)];
  if (!isRename) return { ids: opcode === OP.link ? [nodeId, idAt(view, body)] : [nodeId], names };
  const toEnd = frame.endOfText(end + 1);
  if (toEnd >= 0) names.push(text(end + 1, toEnd));
  return { ids: [nodeId, idAt(view, body)], names };
}

/** The bytes there as Latin-1. */
type TextAt = (start: number, end: number) => string;
