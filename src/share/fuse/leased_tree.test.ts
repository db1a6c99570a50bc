import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRelPath } from '../../base/path.ts';
import { LEASE } from '../../cache/lease/lease_kinds.ts';
import { MemoryTree } from '../../tree/files/memory_tree.ts';
import type { Stat } from '../../world/disk.ts';
import type { LeaseOrder, LeaseTold } from '../../world/mounts.ts';
import { LeaseDesk } from './lease_desk.ts';
import { fileOfStat, LeasedTree } from './leased_tree.ts';

const at = parseRelPath;
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A tree with files `a` and `b` and a folder `d`, and a mount that has leases on both files. */
async function start(kinds: number = LEASE.read | LEASE.handle) {
  const tree = new MemoryTree({ wallMs: () => 1 });
  for (const name of ['a', 'b']) await (await tree.open(at(name), 'create')).close();
  await tree.create(at('d'), { kind: 'directory' });
  const desk = new LeaseDesk({ monotonicMs: () => 0, sleep: () => new Promise(() => undefined) });
  const statOf = async (path: ReturnType<typeof at>): Promise<Stat> => {
    const node = await tree.lookup(path);
    return { ...node, special: null, deviceId: '0', inode: node.id };
  };
  const fileOf = async (path: string) => fileOfStat(await statOf(at(path)));
  const orders: LeaseOrder[] = [];
  let tell: (told: LeaseTold) => void = () => assert.fail('nobody listens');
  const holder = desk.join({
    lease: (order) => void orders.push(order),
    onLease: (take) => {
      tell = take;
    },
    ended: new Promise(() => undefined),
  });
  const ask = (file: string) => tell({ kind: 'ask', question: 1, file, kinds, ownWriters: 0 });
  for (const name of ['a', 'b']) ask(await fileOf(name));
  const letGo = () => {
    const order = orders.at(-1);
    if (order?.kind !== 'break') return assert.fail('nothing is to be let go of');
    tell({ kind: 'kept', file: order.file, epoch: order.epoch, kinds: order.kinds });
  };
  return { tree: new LeasedTree(tree, desk, statOf), desk, holder, orders, ask, letGo, fileOf };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Whether it waits until the mount has let go of `count` leases. */
async function waitsFor(started: Started, count: number, change: () => Promise<unknown>): Promise<void> {
  let isDone = false;
  const changing = change().then(() => {
    isDone = true;
  });
  for (let left = count; left > 0; left -= 1) {
    for (let turns = 0; turns < 5; turns += 1) await turn();
    assert.equal(isDone, false, 'it did not wait');
    started.letGo();
  }
  await changing;
  assert.equal(started.desk.figuresOf(started.holder)?.broken, count);
}

describe('who changes files beside mounts', () => {
  const changes: readonly [string, number, (tree: LeasedTree) => Promise<unknown>][] = [
    ['opens one to write', 1, async (tree) => (await tree.open(at('a'), 'write')).close()],
    [
      'replaces one',
      1,
      async (tree) => {
        await using file = await tree.open(at('a'), 'replace');
        await file.write(new Uint8Array(3), 0);
        await file.publish();
      },
    ],
    ['removes one', 1, (tree) => tree.remove(at('a'))],
    ['changes its mode', 1, (tree) => tree.setAttrs(at('a'), { mode: 0o600 })],
    ['renames one', 1, (tree) => tree.rename(at('a'), at('c'), { replace: false })],
    [
      'renames a new one over it',
      1,
      async (tree) => {
        await (await tree.open(at('new'), 'create')).close();
        await tree.rename(at('new'), at('a'), { replace: true });
      },
    ],
    ['reads one', 0, async (tree) => (await tree.open(at('a'), 'read')).close()],
    ['makes a new one', 0, async (tree) => (await tree.open(at('new'), 'create')).close()],
    ['removes a folder', 0, (tree) => tree.remove(at('d'))],
  ];
  for (const [what, count, change] of changes)
    it(`and ${what} waits for ${count} leases`, async () => {
      const started = await start();
      await waitsFor(started, count, () => change(started.tree));
      assert.equal(started.desk.counts.claims, 0, 'nothing is claimed any more');
    });

  it('and reads what a mount may have written waits for it', async () => {
    const started = await start(LEASE.all);
    await waitsFor(started, 1, async () => (await started.tree.open(at('a'), 'read')).close());
  });

  it('keeps new leases away from what is open for writing', async () => {
    const started = await start();
    const opening = started.tree.open(at('a'), 'write');
    for (let turns = 0; turns < 5; turns += 1) await turn();
    started.letGo();
    const file = await opening;
    started.ask(await started.fileOf('a'));
    assert.deepEqual(started.orders.at(-1), { kind: 'given', question: 1, kinds: LEASE.none, epoch: 0 });
    await file.close();
    started.ask(await started.fileOf('a'));
    assert.equal((started.orders.at(-1) as { kinds: number }).kinds, LEASE.read | LEASE.handle);
  });

  it('waits for all leases where a folder is renamed', async () => {
    const started = await start();
    const renaming = started.tree.rename(at('d'), at('e'), { replace: false });
    for (let turns = 0; turns < 5; turns += 1) await turn();
    assert.equal(started.desk.figuresOf(started.holder)?.broken, 2);
    started.desk.close();
    await renaming;
  });
});
