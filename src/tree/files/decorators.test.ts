import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asCausewayError } from '../../base/errors.ts';
import { parseRelPath, type RelPath } from '../../base/path.ts';
import { accessOf, readOnly, whilePresent } from './decorators.ts';
import type { FileTree } from './file_tree.ts';
import { followingLinks } from './following_links.ts';
import { MemoryTree } from './memory_tree.ts';
import { measureTree, QuotaLedger } from './quota_ledger.ts';
import { QuotaTree } from './quota_tree.ts';

const at = (path: string): RelPath => parseRelPath(path);

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (failure) => asCausewayError(failure).code,
  );
}

async function put(tree: FileTree, path: string, sizeBytes: number): Promise<void> {
  await using file = await tree.open(at(path), 'replace');
  await file.write(new Uint8Array(sizeBytes), 0);
  await file.publish();
}

async function sample(): Promise<FileTree> {
  const tree = new MemoryTree({ wallMs: () => 0 });
  await tree.create(at('d'), { kind: 'directory' });
  await put(tree, 'd/f', 10);
  await put(tree, 'g', 20);
  return tree;
}

async function namesOf(tree: FileTree, path: string): Promise<string[]> {
  const names: string[] = [];
  for await (const page of tree.list(at(path))) names.push(...page.map(({ name }) => name));
  return names.sort();
}

/** Every call of a tree that may change something. */
const CHANGES: readonly ((tree: FileTree) => Promise<unknown>)[] = [
  (tree) => tree.open(at('g'), 'write'),
  (tree) => tree.open(at('n'), 'create'),
  (tree) => tree.open(at('g'), 'replace'),
  (tree) => tree.create(at('m'), { kind: 'directory' }),
  (tree) => tree.setAttrs(at('g'), { mode: 0o600 }),
  (tree) => tree.rename(at('g'), at('h'), { replace: true }),
  (tree) => tree.remove(at('g')),
  (tree) => tree.caps.values?.set(at('g'), 'v', new Uint8Array(1)) ?? Promise.resolve(),
];

const LOOKS: readonly ((tree: FileTree) => Promise<unknown>)[] = [
  (tree) => tree.lookup(at('g')),
  (tree) => namesOf(tree, ''),
  (tree) => tree.open(at('g'), 'read'),
  (tree) => tree.caps.values?.get(at('g'), 'v') ?? Promise.resolve(),
];

test('a read-only tree refuses every change and allows every look', async () => {
  const inner = await sample();
  const tree = readOnly(inner);
  assert.equal(tree.caps.readOnly, true);
  for (const change of CHANGES) assert.equal(await codeOf(change(tree)), 'CW_DISK_READ_ONLY');
  for (const look of LOOKS) assert.equal(await codeOf(look(tree)), 'done');
  assert.deepEqual(await namesOf(inner, ''), ['d', 'g']);
  for (const change of CHANGES.slice(0, 5)) assert.equal(await codeOf(change(inner)), 'done', 'without it');
});

test('a right is asked for at every call, with the path that is touched, and ends when it is withdrawn', async () => {
  let allowed: readonly string[] = ['', 'd', 'd/f', 'd/n'];
  const tree = accessOf(await sample(), ({ path }) => allowed.includes(path));
  for (const call of [...LOOKS, ...CHANGES]) {
    if (call === LOOKS[1]) assert.equal(await codeOf(call(tree)), 'done');
    else assert.equal(await codeOf(call(tree)), 'CW_ACCESS_DENIED');
  }
  assert.equal(await codeOf(tree.rename(at('d/f'), at('x'), { replace: false })), 'CW_ACCESS_DENIED');
  assert.equal(await codeOf(tree.rename(at('d/f'), at('d/n'), { replace: false })), 'done');
  allowed = [];
  assert.equal(await codeOf(tree.lookup(at('d/n'))), 'CW_ACCESS_DENIED');
});

test('a tree whose source is gone fails at every call, and shows no empty folder', async () => {
  let isThere = true;
  const tree = whilePresent(await sample(), async () => {
    if (!isThere) throw asCausewayError(new Error('gone'));
  });
  assert.deepEqual(await namesOf(tree, ''), ['d', 'g']);
  isThere = false;
  for (const call of [...LOOKS, ...CHANGES]) assert.equal(await codeOf(call(tree)), 'CW_INTERNAL');
});

test('a right to one folder is no right to another one that a link there leads to', async () => {
  const inner = await sample();
  await inner.create(at('d/l'), { kind: 'symlink', target: '../g' });
  const tree = followingLinks(accessOf(inner, ({ path }) => path === '' || path.startsWith('d')));
  assert.equal(await codeOf(tree.lookup(at('d/f'))), 'done');
  assert.equal(await codeOf(tree.open(at('d/l'), 'read')), 'CW_ACCESS_DENIED');
});

test('links are followed inside, and no further', async () => {
  const inner = await sample();
  const link = (path: string, target: string) => inner.create(at(path), { kind: 'symlink', target });
  await link('in', 'd/f');
  await link('d/up', '../g');
  await link('folder', './d/../d/');
  await link('chain', 'folder/f');
  for (const [name, target] of [
    ['root', '/'],
    ['etc', '/etc/passwd'],
    ['above', '..'],
    ['farAbove', 'd/../../x'],
    ['loop', 'loop'],
    ['private', '.causeway/x'],
    ['nowhere', 'missing'],
  ] as const)
    await link(name, target);
  const tree = followingLinks(inner);
  assert.equal((await tree.lookup(at('in'))).sizeBytes, 10);
  assert.equal((await tree.lookup(at('d/up'))).sizeBytes, 20);
  assert.equal((await tree.lookup(at('chain'))).sizeBytes, 10);
  assert.deepEqual(await namesOf(tree, 'folder'), ['f', 'up']);
  assert.deepEqual(await namesOf(tree, ''), ['chain', 'd', 'folder', 'g', 'in']);
  for (const name of ['root', 'etc', 'above', 'farAbove', 'loop'])
    for (const call of [tree.lookup(at(name)), tree.open(at(name), 'replace'), namesOf(tree, name)])
      assert.equal(await codeOf(call), 'CW_DISK_SYMLINK', name);
  await put(tree, 'folder/new', 3);
  assert.equal((await inner.lookup(at('d/new'))).sizeBytes, 3);
  await put(tree, 'nowhere', 4);
  assert.equal((await inner.lookup(at('missing'))).sizeBytes, 4);
  await tree.remove(at('in'));
  assert.equal((await inner.lookup(at('d/f'))).sizeBytes, 10, 'the link goes, not the file');
});

test('a quota is charged with what files grow by and given back what goes', async () => {
  const inner = await sample();
  const ledger = new QuotaLedger(100, await measureTree(inner));
  const tree = new QuotaTree(inner, ledger);
  assert.equal(ledger.usedBytes, 30);
  await put(tree, 'a', 70);
  assert.equal(ledger.usedBytes, 100);
  assert.equal(await codeOf(put(tree, 'b', 1)), 'CW_DISK_QUOTA');
  assert.equal(ledger.usedBytes, 100);
  assert.equal(await codeOf(inner.lookup(at('b'))), 'CW_DISK_NOT_FOUND');
  await put(tree, 'a', 70); // as large as what it replaces
  await put(tree, 'a', 5);
  assert.equal(ledger.usedBytes, 35);
  await tree.rename(at('a'), at('g'), { replace: true });
  assert.equal(ledger.usedBytes, 15);
  await tree.remove(at('d/f'));
  assert.equal(ledger.usedBytes, 5);
  assert.equal(await measureTree(inner), 5);
  assert.deepEqual(await tree.caps.space?.(), { freeBytes: 95, totalBytes: 100 });
});

test('writers who meet the limit together leave an account that is right to the byte', async () => {
  const inner = await sample();
  const ledger = new QuotaLedger(5_000, await measureTree(inner));
  const tree = new QuotaTree(inner, ledger);
  const shared = await tree.open(at('shared'), 'create');
  const writer = async (number: number) => {
    for (let round = 0; round < 40; round += 1) {
      await codeOf(put(tree, `w${(number + round) % 4}`, ((number * 131 + round * 17) % 40) * 40));
      await codeOf(shared.write(new Uint8Array(10 + number), round * 60));
      if (round % 7 === number) await codeOf(tree.remove(at(`w${number % 4}`)));
      if (round % 11 === number) await codeOf(shared.truncate(round * 10));
      assert.ok(ledger.usedBytes <= 5_000);
    }
  };
  await Promise.all([0, 1, 2, 3, 4, 5].map(writer));
  assert.equal(ledger.usedBytes, await measureTree(inner));
  await tree.remove(at('shared'));
  await codeOf(shared.write(new Uint8Array(500), 0));
  assert.equal(ledger.usedBytes, await measureTree(inner));
});
