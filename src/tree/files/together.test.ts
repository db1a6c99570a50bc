import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { parseName, parseRelPath } from '../../base/path.ts';
import { DISK_THREAD } from '../../guest/disk_thread_module.ts';
import { createNodeWorld } from '../../world/node/world.ts';
import { readOnly } from './decorators.ts';
import type { FileTree } from './file_tree.ts';
import { LocalTree } from './local_tree.ts';
import { measureTree, QuotaLedger } from './quota_ledger.ts';
import { QuotaTree } from './quota_tree.ts';

async function withFolder(use: (tree: LocalTree, folder: string) => Promise<void>): Promise<void> {
  const folder = fs.mkdtempSync(join(tmpdir(), 'cw-put-'));
  try {
    await using tree = await LocalTree.open(createNodeWorld({ threads: DISK_THREAD }), folder);
    await use(tree, folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

const put = (tree: FileTree, path: string, text: string, mtimeNs: bigint | null = null) =>
  tree.caps.putFile?.(parseRelPath(path), Buffer.from(text), mtimeNs);

describe('a small file that is put in one step', () => {
  it('has its bytes, the time that was asked for, and the mode of what it replaces', () =>
    withFolder(async (tree, folder) => {
      fs.mkdirSync(join(folder, 'd'));
      const made = await put(tree, 'd/new', 'first', 1_234_567_890_123_456_000n);
      assert.deepEqual(made, await tree.lookup(parseRelPath('d/new')));
      assert.equal(made?.mtimeNs, 1_234_567_890_123_456_000n);
      fs.chmodSync(join(folder, 'd/new'), 0o600);
      const replaced = await put(tree, 'd/new', 'the second');
      assert.equal(fs.readFileSync(join(folder, 'd/new'), 'utf8'), 'the second');
      assert.deepEqual([replaced?.mode, replaced?.sizeBytes], [0o600, 10]);
      assert.notEqual(replaced?.id, made?.id);
      assert.equal((await put(tree, 'empty', ''))?.sizeBytes, 0);
      assert.deepEqual(fs.readdirSync(join(folder, '.causeway')), []);
    }));

  it('does not go where no file can be, nor through links, and leaves nothing there', () =>
    withFolder(async (tree, folder) => {
      fs.mkdirSync(join(folder, 'd'));
      fs.symlinkSync('/tmp', join(folder, 'out'));
      fs.symlinkSync('d', join(folder, 'link'));
      const cases = { d: 'CW_DISK_IS_DIRECTORY', 'no/f': 'CW_DISK_NOT_FOUND' };
      for (const [path, code] of Object.entries(cases))
        await assert.rejects(async () => put(tree, path, 'x'), { code }, path);
      for (const path of ['out/cw-put-no', 'link/f', 'link'])
        await assert.rejects(async () => put(tree, path, 'x'), { code: 'CW_DISK_SYMLINK' }, path);
      await assert.rejects(async () => put(tree, '.causeway/f', 'x'), { code: 'CW_DISK_NOT_FOUND' });
      await assert.rejects(async () => put(readOnly(tree), 'f', 'x'), { code: 'CW_DISK_READ_ONLY' });
      assert.deepEqual(
        fs.readdirSync(folder).filter((name) => name !== '.causeway'),
        ['d', 'link', 'out'],
      );
      assert.equal(fs.existsSync('/tmp/cw-put-no'), false);
    }));

  it('takes the longer way where too many are put, or bytes are counted', () =>
    withFolder(async (tree, folder) => {
      const count = LIMITS.treePutsAtOnce.value + 1;
      const puts = await Promise.all(
        Array.from({ length: count }, (_, index) => put(tree, `f${index}`, 'x')),
      );
      assert.equal(puts.filter((node) => node === null).length, 1);
      assert.equal(fs.readdirSync(folder).filter((name) => name.startsWith('f')).length, count - 1);
      assert.equal(new QuotaTree(tree, new QuotaLedger(10, 0)).caps.putFile, undefined);
    }));
});

describe('the files of a tree that are measured in one step', () => {
  it('have the sum that lists of all folders give', () =>
    withFolder(async (tree, folder) => {
      fs.mkdirSync(join(folder, 'd/deep/er'), { recursive: true });
      fs.mkdirSync(join(folder, '.causeway'));
      fs.writeFileSync(join(folder, '.causeway/share-x'), 'not counted');
      fs.writeFileSync(join(folder, 'd/deep/er/a'), '12345');
      fs.linkSync(join(folder, 'd/deep/er/a'), join(folder, 'd/second'));
      fs.writeFileSync(join(folder, 'd/b'), '123');
      fs.symlinkSync('d', join(folder, 'link'));
      fs.truncateSync(join(folder, 'd/b'), 5 * 2 ** 40);
      for (let at = 0; at < 700; at += 1) fs.writeFileSync(join(folder, `d/many-${at}`), 'x');
      const { measureFiles: _, ...caps } = tree.caps;
      const lists = Object.create(tree, { caps: { value: caps } }) as FileTree;
      lists.list = (path) => tree.list(path);
      assert.equal(await tree.caps.measureFiles?.(), 5 * 2 ** 40 + 705);
      assert.equal(await measureTree(lists), 5 * 2 ** 40 + 705);
      assert.equal(await measureTree(tree), 5 * 2 ** 40 + 705);
    }));
});

describe('files of a folder that are removed in one step', () => {
  it('are those that can be, and what they had is given back to the quota', () =>
    withFolder(async (local, folder) => {
      fs.mkdirSync(join(folder, 'd/below'), { recursive: true });
      fs.symlinkSync('/etc', join(folder, 'd/link'));
      const ledger = new QuotaLedger(1_000, 0);
      const tree = new QuotaTree(local, ledger);
      for (const name of ['a', 'b', 'stays']) {
        await using file = await tree.open(parseRelPath(`d/${name}`), 'replace');
        await file.write(Buffer.from('12345'), 0);
        await file.publish();
      }
      assert.equal(ledger.usedBytes, 15);
      const names = ['a', 'b', 'link', 'below', 'missing'].map(parseName);
      const gone = await tree.caps.removeFiles?.(parseRelPath('d'), names);
      assert.deepEqual(gone, ['a', 'b', 'link']);
      assert.deepEqual(fs.readdirSync(join(folder, 'd')), ['below', 'stays']);
      assert.equal(ledger.usedBytes, 5);
      assert.ok(fs.existsSync('/etc'));
      const refused = readOnly(local).caps.removeFiles;
      await assert.rejects(async () => refused?.(parseRelPath('d'), [parseName('stays')]), {
        code: 'CW_DISK_READ_ONLY',
      });
      await assert.rejects(async () => tree.caps.removeFiles?.(parseRelPath('no'), names), {
        code: 'CW_DISK_NOT_FOUND',
      });
    }));
});
