import { CausewayError } from '../../base/errors.ts';
import type { RelPath } from '../../base/path.ts';
import type { TreeCaps } from '../../tree/files/file_tree.ts';
import type { WriteBack } from './write_back.ts';

/** What a tree with a journal does with changes that never wait. */
export interface PassingTree {
  readonly cache: WriteBack;
  /** One change of names at a time. */
  readonly inTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Throws where nothing may be changed, or something stands there. */
  readonly checkFree: (path: RelPath) => Promise<void>;
  readonly checkWritable: () => void;
  /** What that path is called over there; null where the far tree has nothing of it yet. Throws what a lookup does. */
  readonly farOf: (path: RelPath) => RelPath | null;
}

/**
 * Further names of files, and attributes that programs name: changed over there at once, after all that they depend on. What the
 * far tree does not have yet has no attributes.
 */
export function passingCaps(tree: PassingTree): Pick<TreeCaps, 'unix'> {
  const { cache, inTurn } = tree;
  const { unix } = cache.far.caps;
  if (unix === undefined) return {};
  const { attributes } = unix;
  return {
    unix: {
      link: (from, to) =>
        inTurn(async () => {
          await tree.checkFree(to);
          tree.farOf(from);
          const there = await cache.through([from, to], () => unix.link(from, to));
          cache.known.linked(from, there.linkCount);
          return cache.known.shown(there);
        }),
      attributes: {
        get: async (path, name) => {
          const at = tree.farOf(path);
          return at === null ? null : attributes.get(at, name);
        },
        list: async (path) => {
          const at = tree.farOf(path);
          return at === null ? [] : attributes.list(at);
        },
        set: (path, name, value, flags) =>
          changed(tree, path, () => attributes.set(path, name, value, flags)),
        remove: (path, name) => changed(tree, path, () => attributes.remove(path, name)),
      },
    },
  };
}

function changed(tree: PassingTree, path: RelPath, act: () => Promise<void>): Promise<void> {
  return tree.inTurn(async () => {
    tree.checkWritable();
    tree.farOf(path);
    if (path === '') throw new CausewayError('CW_UNSUPPORTED', 'the root of a tree takes no attributes');
    await tree.cache.through([path], act);
  });
}
