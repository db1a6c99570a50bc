import { asCausewayError, CausewayError, type ErrorCode } from '../../../base/errors.ts';
import type { RelPath } from '../../../base/path.ts';
import type { TreeNode } from '../../../tree/files/file_tree.ts';

/** The other machine is away at the moment. */
export function isAwayNow(failure: unknown): boolean {
  return asCausewayError(failure).next === 'reconnect';
}

/** What is to be thrown where something else than was asked for stands there. */
export function wrongKind(
  { kind }: TreeNode,
  path: RelPath,
  otherwise: ErrorCode = 'CW_UNSUPPORTED',
): CausewayError {
  if (kind === 'symlink') return new CausewayError('CW_DISK_SYMLINK', path);
  if (kind === 'directory') return new CausewayError('CW_DISK_IS_DIRECTORY', path);
  return new CausewayError(otherwise, path);
}
