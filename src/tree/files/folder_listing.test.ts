import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { parseRelPath } from '../../base/path.ts';
import { DISK_THREAD } from '../../guest/disk_thread_module.ts';
import { createNodeWorld } from '../../world/node/world.ts';
import type { TreeEntry } from './file_tree.ts';
import { LocalTree } from './local_tree.ts';

describe('a list of a folder', () => {
  it('has each entry once with all that is known of it, a page at a time, from threads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cw-listing-'));
    try {
      const count = 2 * LIMITS.treePageNames.value + 7;
      for (let index = 0; index < count; index += 1)
        writeFileSync(join(folder, `f${index}`), 'x'.repeat(index % 9));
      mkdirSync(join(folder, '.causeway'));
      mkdirSync(join(folder, 'below'));
      symlinkSync('f1', join(folder, 'link'));
      truncateSync(join(folder, 'f3'), 5 * 2 ** 40);
      utimesSync(join(folder, 'f4'), 0, new Date(-2_000));
      await using tree = await LocalTree.open(createNodeWorld({ threads: DISK_THREAD }), folder);
      const entries: TreeEntry[] = [];
      for await (const page of tree.list(parseRelPath(''))) {
        assert.ok(page.length <= LIMITS.treePageNames.value);
        entries.push(...page);
      }
      assert.equal(new Set(entries.map(({ name }) => name)).size, count + 2);
      for (const { name, node } of entries) assert.deepEqual(node, await seen(tree, name), name);
      assert.equal(entries.find(({ name }) => name === 'f3')?.node.sizeBytes, 5 * 2 ** 40);
      assert.equal(statSync(join(folder, 'f4'), { bigint: true }).mtimeNs, -2_000_000_000n);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('ends where it was given up', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cw-listing-'));
    try {
      for (let index = 0; index < 3 * LIMITS.treePageNames.value; index += 1)
        writeFileSync(join(folder, `f${index}`), '');
      await using tree = await LocalTree.open(createNodeWorld({ threads: DISK_THREAD }), folder);
      for await (const page of tree.list(parseRelPath(''))) {
        assert.ok(page.length > 0);
        break;
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** As a look at the name alone tells it; a list does not say where a link leads. */
async function seen(tree: LocalTree, name: string) {
  return { ...(await tree.lookup(parseRelPath(name))), target: null };
}
