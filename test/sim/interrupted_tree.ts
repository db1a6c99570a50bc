import type { FileTree, TreeFile } from '../../src/tree/files/file_tree.ts';

/** The same tree, with a moment before and after each call at which a process may be killed; `changes` says whether the call may change something. */
export function interrupted(tree: FileTree, moment: (changes: boolean) => Promise<void>): FileTree {
  const around = async <T>(call: () => Promise<T>, changes = true): Promise<T> => {
    await moment(changes);
    const result = await call();
    await moment(changes);
    return result;
  };
  const fileOf = (file: TreeFile): TreeFile => ({
    read: (into, offset) => around(() => file.read(into, offset), false),
    write: (bytes, offset) => around(() => file.write(bytes, offset)),
    truncate: (sizeBytes) => around(() => file.truncate(sizeBytes)),
    publish: () => around(() => file.publish()),
    node: () => around(() => file.node(), false),
    close: () => around(() => file.close()),
    [Symbol.asyncDispose]: () => file.close(),
  });
  return {
    caps: tree.caps,
    lookup: (path) => around(() => tree.lookup(path), false),
    list: (path) => tree.list(path),
    open: async (path, mode) => fileOf(await around(() => tree.open(path, mode), mode !== 'read')),
    create: (path, what) => around(() => tree.create(path, what)),
    setAttrs: (path, patch) => around(() => tree.setAttrs(path, patch)),
    rename: (from, to, options) => around(() => tree.rename(from, to, options)),
    remove: (path) => around(() => tree.remove(path)),
  };
}
