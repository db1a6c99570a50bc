import type { FileTree, TreeFile, TreeNode } from '../../src/tree/files/file_tree.ts';

const withoutDevice = (node: TreeNode): TreeNode => ({
  ...node,
  id: node.id.slice(node.id.indexOf(':') + 1),
});

function fileOf(file: TreeFile): TreeFile {
  return {
    read: (into, offset) => file.read(into, offset),
    write: (bytes, offset) => file.write(bytes, offset),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    publish: async () => withoutDevice(await file.publish()),
    node: async () => withoutDevice(await file.node()),
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** The same tree on a disk that has another number each time it is mounted: nodes are known by their inodes, as over the link. */
export function onOneDevice(tree: FileTree): FileTree {
  return {
    caps: tree.caps,
    lookup: async (path) => withoutDevice(await tree.lookup(path)),
    async *list(path) {
      for await (const page of tree.list(path))
        yield page.map(({ name, node }) => ({ name, node: withoutDevice(node) }));
    },
    open: async (path, mode) => fileOf(await tree.open(path, mode)),
    create: async (path, what) => withoutDevice(await tree.create(path, what)),
    setAttrs: async (path, patch) => withoutDevice(await tree.setAttrs(path, patch)),
    rename: (from, to, options) => tree.rename(from, to, options),
    remove: (path) => tree.remove(path),
  };
}
