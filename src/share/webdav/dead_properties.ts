import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { RelPath } from '../../base/path.ts';
import type { FileTree } from '../../tree/files/file_tree.ts';
import { DavFailure } from './failure.ts';
import type { XmlName } from './xml_text.ts';

/** A property that a client has set and the server only keeps: `xml` is the whole element, which needs nothing around it. */
export interface DeadProperty extends XmlName {
  readonly xml: string;
}

/** Name of the value that holds them all. */
export const DEAD_VALUE = 'dav';

/** None where the tree keeps no values. */
export async function readDead(tree: FileTree, path: RelPath): Promise<DeadProperty[]> {
  const { values } = tree.caps;
  if (values === null) return [];
  try {
    const stored = await values.get(path, DEAD_VALUE);
    return stored === null ? [] : decode(stored);
  } catch (failure) {
    // a file system without attributes, or a file that may be listed and not read, has none to show
    if (NONE_TO_SHOW.has(asCausewayError(failure).code)) return [];
    throw failure;
  }
}

const NONE_TO_SHOW: ReadonlySet<string> = new Set([
  'CW_UNSUPPORTED',
  'CW_DISK_PERMISSION',
  'CW_DISK_NOT_FOUND',
  'CW_DISK_SYMLINK',
]);

/** 507 where the file system has no room for them, or keeps none at all: then nothing has changed. */
export async function writeDead(
  tree: FileTree,
  path: RelPath,
  properties: readonly DeadProperty[],
): Promise<void> {
  const { values } = tree.caps;
  if (values === null) throw noRoom();
  const bytes = utf8(JSON.stringify(properties.map(({ ns, local, xml }) => [ns, local, xml])));
  if (bytes.byteLength > LIMITS.davValuesMaxBytes.value) throw noRoom();
  try {
    await values.set(path, DEAD_VALUE, properties.length === 0 ? null : bytes);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_UNSUPPORTED') throw noRoom();
    throw failure;
  }
}

function noRoom(): DavFailure {
  return new DavFailure(507, 'there is no room for properties there');
}

/** What somebody else has put there is no property. */
function decode(stored: Uint8Array): DeadProperty[] {
  try {
    const rows = JSON.parse(fromUtf8(stored) ?? '[]') as unknown;
    if (!Array.isArray(rows)) return [];
    return rows.filter(isRow).map(([ns, local, xml]) => ({ ns, local, xml }));
  } catch {
    return []; // not JSON: as said above
  }
}

function isRow(row: unknown): row is [string, string, string] {
  return Array.isArray(row) && row.length === 3 && row.every((cell) => typeof cell === 'string');
}
