import type { FolderDeed } from '../../world/mounts.ts';
import { idAt } from './frame.ts';
import type { FuseNode } from './nodes.ts';
import { KIND_FILE, O_ACCESS, OP, SET } from './protocol.ts';
import type { FuseState } from './state.ts';

/*
 * What of the requests of a kernel is recorded: what makes, removes, renames, opens, cuts, or changes rights and attributes.
 * Bytes go through what was opened before, and times change with each of them.
 */

/** In place of a name that is gone. */
const NAMELESS = '(removed)';
/** Deeper is no path of a real folder, and none that is looked for. */
const DEPTH_MAX = 512;

/** Names are bytes, as Latin-1; a record has text. */
function textOf(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

/** Where a node was seen last, from the root on. */
export function pathOf(node: FuseNode): string {
  const names: string[] = [];
  for (let at = node; at.parent !== null && names.length < DEPTH_MAX; at = at.parent)
    names.unshift(at.name === null ? NAMELESS : textOf(at.name));
  return names.join('/');
}

/** What the request that is served does; null where that is not recorded, or it is none that can be served. */
export function deedOf(state: FuseState): FolderDeed | null {
  const { opcode, body } = state.frame;
  switch (opcode) {
    case OP.open:
      return ofOpen(state);
    case OP.create:
      return inFolder(state, 'file.create', body + 16);
    case OP.mknod:
      return inFolder(state, 'file.create', body + 16);
    case OP.mkdir:
    case OP.link:
      return inFolder(state, 'file.create', body + 8);
    case OP.symlink:
      return inFolder(state, 'file.create', body);
    case OP.unlink:
    case OP.rmdir:
      return inFolder(state, 'file.delete', body);
    case OP.rename:
      return ofRename(state, body + 8);
    case OP.rename2:
      return ofRename(state, body + 16);
    case OP.setattr:
      return ofChange(state);
    case OP.setxattr:
    case OP.removexattr:
      return ofNode(state, 'file.property');
    default:
      return null;
  }
}

function ofNode(state: FuseState, action: FolderDeed['action']): FolderDeed | null {
  const { node, frame } = state;
  if (node === undefined) return null;
  return { action, path: pathOf(node), userId: frame.userId, processId: frame.processId };
}

function ofOpen(state: FuseState): FolderDeed | null {
  const { node, frame, view } = state;
  if (node?.kind !== KIND_FILE || !frame.holds(8)) return null;
  return ofNode(state, (view.getUint32(frame.body, true) & O_ACCESS) === 0 ? 'file.read' : 'file.write');
}

/** Who cuts an open file has opened it for that. */
function ofChange(state: FuseState): FolderDeed | null {
  const { frame, view } = state;
  if (!frame.holds(88)) return null;
  const valid = view.getUint32(frame.body, true);
  if ((valid & SET.size) !== 0 && (valid & SET.handle) === 0) return ofNode(state, 'file.write');
  return (valid & (SET.mode | SET.userId | SET.groupId)) === 0 ? null : ofNode(state, 'file.property');
}

/** The name there, in the folder that the request is about. */
function inFolder(state: FuseState, action: FolderDeed['action'], nameAt: number): FolderDeed | null {
  const { frame } = state;
  const deed = ofNode(state, action);
  const end = nameAt < frame.end ? frame.endOfName(nameAt) : -1;
  return deed === null || end < 0 ? null : { ...deed, path: joined(deed.path, state.text(nameAt, end)) };
}

function ofRename(state: FuseState, nameAt: number): FolderDeed | null {
  const { frame, view, nodes } = state;
  const from = inFolder(state, 'file.rename', nameAt);
  if (from === null) return null;
  const toAt = frame.endOfName(nameAt) + 1;
  const toEnd = toAt < frame.end ? frame.endOfName(toAt) : -1;
  const folder = nodes.get(idAt(view, frame.body));
  if (folder === undefined || toEnd < 0) return null;
  return { ...from, to: joined(pathOf(folder), state.text(toAt, toEnd)) };
}

function joined(folder: string, name: string): string {
  return folder === '' ? textOf(name) : `${folder}/${textOf(name)}`;
}
