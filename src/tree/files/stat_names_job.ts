import { asCausewayError } from '../../base/errors.ts';
import type { Name } from '../../base/path.ts';
import type { Dir, EntryKind, Stat } from '../../world/disk.ts';
import type { Job } from '../../world/offload.ts';
import type { TreeNode } from './file_tree.ts';

const KINDS: readonly EntryKind[] = ['file', 'directory', 'symlink', 'other'];
const GONE = -1;
/** Of an entry in `numbers` and in `times`. */
const NUMBERS = 7;
const TIMES = 2;

/** Nodes in a form that crosses from a thread at little cost. */
export interface PackedNodes {
  readonly ids: readonly string[];
  /** Kind, size, allocated size, mode, user, group, number of links. */
  readonly numbers: Float64Array;
  /** Of change of content, and of any change. */
  readonly times: BigInt64Array;
}

/** What there is to know of entries of a folder, in the order of their names. Symlinks are not followed. */
export const statNamesJob: Job<{ readonly dir: Dir; readonly names: readonly Name[] }, PackedNodes> = {
  name: 'stat-names',
  async run({ dir, names }) {
    const ids: string[] = [];
    const numbers = new Float64Array(names.length * NUMBERS);
    const times = new BigInt64Array(names.length * TIMES);
    for (const [index, name] of names.entries()) {
      const stat = await statUnlessGone(dir, name);
      ids.push(stat === null ? '' : `${stat.deviceId}:${stat.inode}`);
      if (stat === null) numbers[index * NUMBERS] = GONE;
      else pack(stat, numbers, times, index);
    }
    return { ids, numbers, times };
  },
};

function pack(stat: Stat, numbers: Float64Array, times: BigInt64Array, index: number): void {
  const { kind, sizeBytes, allocatedBytes, mode, userId, groupId, linkCount } = stat;
  const at = index * NUMBERS;
  numbers[at] = KINDS.indexOf(kind);
  numbers[at + 1] = sizeBytes;
  numbers[at + 2] = allocatedBytes;
  numbers[at + 3] = mode;
  numbers[at + 4] = userId;
  numbers[at + 5] = groupId;
  numbers[at + 6] = linkCount;
  times[index * TIMES] = stat.mtimeNs;
  times[index * TIMES + 1] = stat.ctimeNs;
}

/** Null where nothing had that name any more. */
export function unpackNode({ ids, numbers, times }: PackedNodes, index: number): TreeNode | null {
  const at = index * NUMBERS;
  const kind = numbers[at]!;
  if (kind === GONE) return null;
  return {
    id: ids[index]!,
    kind: KINDS[kind]!,
    sizeBytes: numbers[at + 1]!,
    allocatedBytes: numbers[at + 2]!,
    mode: numbers[at + 3]!,
    userId: numbers[at + 4]!,
    groupId: numbers[at + 5]!,
    mtimeNs: times[index * TIMES]!,
    ctimeNs: times[index * TIMES + 1]!,
    linkCount: numbers[at + 6]!,
    target: null,
  };
}

/** Null where nothing has that name any more. */
export async function statUnlessGone(dir: Dir, name: Name): Promise<Stat | null> {
  try {
    return await dir.stat(name);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_NOT_FOUND') return null;
    throw failure;
  }
}
