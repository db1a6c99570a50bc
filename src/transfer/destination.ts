import { toHex } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { joinAbsolute, parseName, parseRelPath, type RelPath, splitAbsolute } from '../base/path.ts';
import type { RootInfo } from '../wire/copy_types.ts';
import type { Disk } from '../world/disk.ts';

/** Name of the folder beside a destination that holds what is not complete yet. */
export const PARTIAL_FOLDER = '.causeway';

/** Below it: one folder for each copy whose undo is kept, named by its id. */
export const UNDO_FOLDER = parseName('undo');

/** Where a copy goes: the existing folder that takes it and how the source's paths are named in it. */
export interface Destination {
  readonly folder: string;
  /** Folder to make below `folder` for the entries, or empty. */
  readonly prefix: string;
  /** New name of the single root, or empty to keep its own. */
  readonly rename: string;
  /** The roots' own names do not appear (`DIR/.`). */
  readonly contents: boolean;
}

/**
 * Decides as `cp -r` does: into an existing folder under the own name, else under the name given. A trailing slash
 * asks for a folder and makes it. An unfinished copy keeps what was decided when it began, although its folder exists by now.
 * Throws CW_COPY_DEST_MISSING, CW_COPY_KIND, CW_DISK_*.
 */
export async function resolveDestination(
  disk: Disk,
  path: string,
  roots: readonly RootInfo[],
  transferId: Uint8Array,
): Promise<Destination> {
  const contents = roots.some((root) => root.contents);
  const { folder, name } = splitAbsolute(path);
  const stat = await disk.statPath(path);
  const begun = name !== '' && (await partialExists(disk, folder, transferId));
  if (stat?.kind === 'directory' && !begun) return { folder: path, prefix: '', rename: '', contents };
  await requireFolder(disk, folder, path);
  parseName(name);
  if (contents || path.endsWith('/')) return asFolder(stat?.kind, folder, name, contents, path);
  if (roots.length > 1) {
    if (begun) return { folder, prefix: name, rename: '', contents };
    throw new CausewayError('CW_COPY_DEST_MISSING', `${path} is not a folder, and several sources need one`);
  }
  if (stat && stat.kind !== 'directory' && roots[0]?.kind === 'directory') {
    throw new CausewayError('CW_COPY_KIND', `${path} is a file and the source ${roots[0].name} is a folder`);
  }
  return { folder, prefix: '', rename: name, contents };
}

function asFolder(
  kind: string | undefined,
  folder: string,
  name: string,
  contents: boolean,
  path: string,
): Destination {
  if (kind !== undefined && kind !== 'directory') {
    throw new CausewayError('CW_COPY_KIND', `${path} is a file where the copy needs a folder`);
  }
  return { folder, prefix: name, rename: '', contents };
}

async function requireFolder(disk: Disk, folder: string, path: string): Promise<void> {
  const stat = await disk.statPath(folder);
  if (stat?.kind === 'directory') return;
  throw new CausewayError(
    'CW_COPY_DEST_MISSING',
    `the folder ${folder} does not exist, so ${path} cannot be made in it`,
  );
}

async function partialExists(disk: Disk, folder: string, transferId: Uint8Array): Promise<boolean> {
  const path = joinAbsolute(folder, `${PARTIAL_FOLDER}/${toHex(transferId)}`);
  return (await disk.statPath(path))?.kind === 'directory';
}

/** Where an entry of the plan goes, relative to the folder; CW_DISK_NAME for a path that is not plain. */
export function targetOf(destination: Destination, planPath: string): RelPath {
  const path = parseRelPath(planPath);
  const cut = path.indexOf('/');
  let placed: string = path;
  if (destination.rename !== '') placed = cut < 0 ? destination.rename : destination.rename + path.slice(cut);
  if (destination.prefix !== '')
    placed = placed === '' ? destination.prefix : `${destination.prefix}/${placed}`;
  if (placed === PARTIAL_FOLDER || placed.startsWith(`${PARTIAL_FOLDER}/`)) {
    throw new CausewayError(
      'CW_COPY_NAME_ILLEGAL',
      `${PARTIAL_FOLDER} at the top of a destination is kept for unfinished copies`,
    );
  }
  return parseRelPath(placed);
}
