import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRelPath, type RelPath } from '../../src/base/path.ts';
import type { FileTree, TreeFile } from '../../src/tree/files/file_tree.ts';
import { rejectsWith } from './harness.ts';

/** One implementation of the tree under test; `run` gives the case an empty one and cleans up. */
export interface TreeHarness {
  readonly name: string;
  run(body: (tree: FileTree) => Promise<void>): Promise<void>;
}

export const at = (text: string): RelPath => parseRelPath(text);

type Case = readonly [title: string, body: (tree: FileTree) => Promise<void>];

export async function put(tree: FileTree, path: string, text: string): Promise<void> {
  await using file = await tree.open(at(path), 'replace');
  await file.write(Buffer.from(text), 0);
  await file.publish();
}

export async function textAt(tree: FileTree, path: string): Promise<string> {
  await using file = await tree.open(at(path), 'read');
  return await contentOf(file);
}

async function contentOf(file: TreeFile): Promise<string> {
  const into = new Uint8Array((await file.node()).sizeBytes + 8);
  return Buffer.from(into.subarray(0, await file.read(into, 0))).toString();
}

export async function namesAt(tree: FileTree, path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const page of tree.list(at(path))) names.push(...page.map(({ name }) => name));
  return names.sort();
}

const makeDir = (tree: FileTree, path: string) => tree.create(at(path), { kind: 'directory' });
const makeLink = (tree: FileTree, path: string, target: string) =>
  tree.create(at(path), { kind: 'symlink', target });

const FILES: readonly Case[] = [
  [
    'shows a replacement when it is published, and nothing of it before',
    async (tree) => {
      await put(tree, 'a', 'old');
      await using file = await tree.open(at('a'), 'replace');
      await file.write(Buffer.from('new and longer'), 0);
      assert.equal(await textAt(tree, 'a'), 'old');
      assert.deepEqual(await namesAt(tree, ''), ['a']);
      const { id } = await file.publish();
      assert.equal(await textAt(tree, 'a'), 'new and longer');
      assert.equal((await tree.lookup(at('a'))).id, id);
    },
  ],
  [
    'leaves nothing of a replacement that is closed before it is published',
    async (tree) => {
      const file = await tree.open(at('a'), 'replace');
      await file.write(Buffer.from('half'), 0);
      await file.close();
      await file.close();
      assert.deepEqual(await namesAt(tree, ''), []);
      await rejectsWith(tree.lookup(at('a')), 'CW_DISK_NOT_FOUND');
    },
  ],
  [
    'keeps the mode and the values of what is replaced',
    async (tree) => {
      await put(tree, 'a', 'old');
      await tree.setAttrs(at('a'), { mode: 0o640 });
      await tree.caps.values?.set(at('a'), 'colour', Buffer.from('red'));
      await put(tree, 'a', 'new');
      assert.equal((await tree.lookup(at('a'))).mode, 0o640);
      if (tree.caps.values)
        assert.equal(Buffer.from((await tree.caps.values.get(at('a'), 'colour')) ?? []).toString(), 'red');
    },
  ],
  [
    'opens for writing what exists and creates what does not',
    async (tree) => {
      await rejectsWith(tree.open(at('a'), 'write'), 'CW_DISK_NOT_FOUND');
      await rejectsWith(tree.open(at('a'), 'read'), 'CW_DISK_NOT_FOUND');
      const made = await tree.open(at('a'), 'create');
      await made.write(Buffer.from('12345'), 0);
      await made.publish();
      await made.close();
      await rejectsWith(tree.open(at('a'), 'create'), 'CW_DISK_EXISTS');
      await using file = await tree.open(at('a'), 'write');
      await file.write(Buffer.from('XY'), 3);
      assert.equal(await contentOf(file), '123XY');
      await file.truncate(2);
      assert.equal((await file.node()).sizeBytes, 2);
      await file.write(Buffer.from('z'), 4);
      assert.equal(await contentOf(file), '12\0\0z');
    },
  ],
  [
    'takes nothing through a file that was opened for reading',
    async (tree) => {
      await put(tree, 'a', 'x');
      await using file = await tree.open(at('a'), 'read');
      await assert.rejects(file.write(Buffer.from('y'), 0));
      assert.equal(await textAt(tree, 'a'), 'x');
    },
  ],
  [
    'reads fewer bytes than asked only at the end',
    async (tree) => {
      const bytes = Buffer.alloc(300_000, 'abcdefg');
      await using file = await tree.open(at('a'), 'create');
      await file.write(bytes, 0);
      const into = new Uint8Array(200_000);
      assert.equal(await file.read(into, 0), 200_000);
      assert.equal(await file.read(into, 200_000), 100_000);
      assert.equal(await file.read(into, 300_000), 0);
      assert.equal(await file.read(into, 400_000), 0);
    },
  ],
  [
    'keeps an open file when its name goes to another one or away',
    async (tree) => {
      await put(tree, 'a', 'first');
      await using file = await tree.open(at('a'), 'read');
      await put(tree, 'a', 'second');
      assert.equal(await contentOf(file), 'first');
      await tree.remove(at('a'));
      assert.equal(await contentOf(file), 'first');
    },
  ],
];

const NAMES: readonly Case[] = [
  [
    'knows a node by the same identity after a rename, and no two by one',
    async (tree) => {
      await put(tree, 'a', 'x');
      await makeDir(tree, 'd');
      const [file, folder] = [await tree.lookup(at('a')), await tree.lookup(at('d'))];
      assert.notEqual(file.id, folder.id);
      await tree.rename(at('a'), at('d/b'), { replace: false });
      await tree.rename(at('d'), at('e'), { replace: false });
      assert.equal((await tree.lookup(at('e/b'))).id, file.id);
      assert.equal((await tree.lookup(at('e'))).id, folder.id);
      for await (const page of tree.list(at('e')))
        for (const { node } of page) assert.equal(node.id, file.id);
    },
  ],
  [
    'replaces at a rename only when told to',
    async (tree) => {
      await put(tree, 'a', 'a');
      await put(tree, 'b', 'b');
      await rejectsWith(tree.rename(at('a'), at('b'), { replace: false }), 'CW_DISK_EXISTS');
      assert.deepEqual([await textAt(tree, 'a'), await textAt(tree, 'b')], ['a', 'b']);
      await tree.rename(at('a'), at('b'), { replace: true });
      assert.equal(await textAt(tree, 'b'), 'a');
      await rejectsWith(tree.lookup(at('a')), 'CW_DISK_NOT_FOUND');
    },
  ],
  [
    'replaces neither a folder by a file nor a folder that is not empty',
    async (tree) => {
      await makeDir(tree, 'd');
      await makeDir(tree, 'full');
      await put(tree, 'full/x', '');
      await put(tree, 'f', '');
      await assert.rejects(tree.rename(at('f'), at('d'), { replace: true }));
      await assert.rejects(tree.rename(at('d'), at('f'), { replace: true }));
      await assert.rejects(tree.rename(at('d'), at('full'), { replace: true }));
      await rejectsWith(tree.rename(at('d'), at('full'), { replace: false }), 'CW_DISK_EXISTS');
      await tree.rename(at('full'), at('d'), { replace: true });
      assert.deepEqual(await namesAt(tree, 'd'), ['x']);
      assert.deepEqual(await namesAt(tree, ''), ['d', 'f']);
    },
  ],
  [
    'does not rename a folder into itself',
    async (tree) => {
      await makeDir(tree, 'd');
      await assert.rejects(tree.rename(at('d'), at('d/e'), { replace: false }));
      await assert.rejects(tree.rename(at('d'), at('d/e'), { replace: true }));
      assert.deepEqual(await namesAt(tree, 'd'), []);
    },
  ],
  [
    'stays as it is where a name is renamed to itself',
    async (tree) => {
      await put(tree, 'a', 'x');
      await tree.rename(at('a'), at('a'), { replace: true });
      assert.equal(await textAt(tree, 'a'), 'x');
    },
  ],
  [
    'makes no second node of one name, and removes no folder that is not empty',
    async (tree) => {
      await makeDir(tree, 'd');
      await rejectsWith(makeDir(tree, 'd'), 'CW_DISK_EXISTS');
      await rejectsWith(makeLink(tree, 'd', 'x'), 'CW_DISK_EXISTS');
      await put(tree, 'd/f', '');
      await rejectsWith(tree.remove(at('d')), 'CW_DISK_NOT_EMPTY');
      await tree.remove(at('d/f'));
      await tree.remove(at('d'));
      await rejectsWith(tree.remove(at('d')), 'CW_DISK_NOT_FOUND');
    },
  ],
  [
    'says which part of a path is missing or no folder',
    async (tree) => {
      await put(tree, 'f', '');
      await rejectsWith(tree.lookup(at('x/y')), 'CW_DISK_NOT_FOUND');
      await rejectsWith(makeDir(tree, 'x/y'), 'CW_DISK_NOT_FOUND');
      await rejectsWith(tree.lookup(at('f/y')), 'CW_DISK_NOT_DIRECTORY');
      await rejectsWith(tree.open(at('f/y'), 'replace'), 'CW_DISK_NOT_DIRECTORY');
      await makeDir(tree, 'd');
      await rejectsWith(tree.open(at('d'), 'read'), 'CW_DISK_IS_DIRECTORY');
      await rejectsWith(tree.open(at('d'), 'replace'), 'CW_DISK_IS_DIRECTORY');
      await rejectsWith(tree.open(at(''), 'read'), 'CW_DISK_IS_DIRECTORY');
    },
  ],
  [
    'neither makes, renames nor removes its root',
    async (tree) => {
      await makeDir(tree, 'd');
      assert.equal((await tree.lookup(at(''))).kind, 'directory');
      await assert.rejects(makeDir(tree, ''));
      await assert.rejects(tree.remove(at('')));
      await assert.rejects(tree.rename(at(''), at('x'), { replace: true }));
      await assert.rejects(tree.rename(at('d'), at(''), { replace: true }));
    },
  ],
  [
    'refuses names that are none, also forged ones, and names of the private folder',
    async (tree) => {
      for (const forged of ['..', '.', 'a/../b', '/etc', 'a//b', 'a\0b', '../x', '\ud800', 'd/..'])
        for (const call of [
          () => tree.lookup(forged as RelPath),
          () => tree.open(forged as RelPath, 'replace'),
          () => tree.create(forged as RelPath, { kind: 'directory' }),
          () => tree.remove(forged as RelPath),
        ])
          await rejectsWith(call(), 'CW_DISK_NAME');
      for (const name of ['.causeway', '.CauseWay', '.cau\u200bseway', '.cau\u017feway', '.causeway.']) {
        await rejectsWith(tree.lookup(at(name)), 'CW_DISK_NOT_FOUND');
        await rejectsWith(makeDir(tree, name), 'CW_DISK_NOT_FOUND');
        await rejectsWith(tree.open(at(`${name}/x`), 'replace'), 'CW_DISK_NOT_FOUND');
      }
      assert.deepEqual(await namesAt(tree, ''), []);
    },
  ],
];

const LINKS: readonly Case[] = [
  [
    'tells where a symlink points and removes the link itself',
    async (tree) => {
      await put(tree, 'f', 'x');
      await makeLink(tree, 'l', 'f');
      await tree.rename(at('l'), at('m'), { replace: false });
      await tree.remove(at('m'));
      assert.equal(await textAt(tree, 'f'), 'x');
      assert.deepEqual(await namesAt(tree, ''), ['f']);
    },
  ],
];

const STRICT: readonly Case[] = [
  [
    'follows no symlink, in whatever part of a path',
    async (tree) => {
      await makeDir(tree, 'd');
      await put(tree, 'd/f', 'x');
      await makeLink(tree, 'l', 'd');
      await makeLink(tree, 'm', 'd/f');
      assert.equal((await tree.lookup(at('l'))).target, 'd');
      assert.equal((await tree.lookup(at('l'))).kind, 'symlink');
      await rejectsWith(tree.lookup(at('l/f')), 'CW_DISK_SYMLINK');
      await rejectsWith(tree.open(at('l/f'), 'read'), 'CW_DISK_SYMLINK');
      await rejectsWith(tree.open(at('m'), 'read'), 'CW_DISK_SYMLINK');
      await rejectsWith(tree.open(at('m'), 'write'), 'CW_DISK_SYMLINK');
      await rejectsWith(tree.open(at('m'), 'replace'), 'CW_DISK_SYMLINK');
      await rejectsWith(namesAt(tree, 'l'), 'CW_DISK_SYMLINK');
      await rejectsWith(tree.rename(at('d/f'), at('l/f'), { replace: true }), 'CW_DISK_SYMLINK');
    },
  ],
];

const ATTRIBUTES: readonly Case[] = [
  [
    'sets mode and time',
    async (tree) => {
      await put(tree, 'a', 'x');
      const mtimeNs = 1_600_000_000_123_456_000n;
      const node = await tree.setAttrs(at('a'), { mode: 0o600, mtimeNs });
      assert.deepEqual([node.mode, node.mtimeNs], [0o600, mtimeNs]);
      assert.equal((await tree.lookup(at('a'))).mtimeNs, mtimeNs);
      await rejectsWith(tree.setAttrs(at('b'), { mode: 0o600 }), 'CW_DISK_NOT_FOUND');
    },
  ],
  [
    'keeps values with the node through renames, also of the root',
    async (tree) => {
      const { values } = tree.caps;
      if (values === null) return;
      await put(tree, 'a', 'x');
      for (const path of ['', 'a']) {
        assert.equal(await values.get(at(path), 'v'), null);
        await values.set(at(path), 'v', Uint8Array.of(0, 255, 7));
        assert.deepEqual([...((await values.get(at(path), 'v')) ?? [])], [0, 255, 7]);
      }
      await tree.rename(at('a'), at('b'), { replace: false });
      assert.deepEqual([...((await values.get(at('b'), 'v')) ?? [])], [0, 255, 7]);
      await values.set(at('b'), 'v', null);
      await values.set(at('b'), 'v', null);
      assert.equal(await values.get(at('b'), 'v'), null);
      await rejectsWith(values.get(at('a'), 'v'), 'CW_DISK_NOT_FOUND');
    },
  ],
  [
    'lists each entry of a large folder once',
    async (tree) => {
      const expected: string[] = [];
      for (let i = 0; i < 300; i += 1) {
        await (await tree.open(at(`f${i}`), 'create')).close();
        expected.push(`f${i}`);
      }
      assert.deepEqual(await namesAt(tree, ''), expected.sort());
    },
  ],
];

/** Registers what every tree must do. `strict`: those that follow no symlink, which is all but the decorator that does. */
export function fileTreeSuite(harness: TreeHarness, options: { readonly strict: boolean }): void {
  const groups = [FILES, NAMES, LINKS, ATTRIBUTES, ...(options.strict ? [STRICT] : [])];
  describe(`${harness.name}: tree of files`, () => {
    for (const [title, body] of groups.flat()) it(title, () => harness.run(body));
  });
}
