import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, statSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { Rig } from './rig.ts';
import { listing, mixedTree, randomFile } from './trees.ts';

/** Other bytes in the middle, with size and times as they were: what a flipped bit or a careful program leaves. */
function changeUnseen(path: string): void {
  const { size, atimeNs, mtimeNs } = statSync(path, { bigint: true });
  const fd = openSync(path, 'r+');
  try {
    const at = Number(size / 2n);
    const byte = readFileSync(path)[at]!;
    writeSync(fd, Uint8Array.of(byte ^ 1), 0, 1, at);
  } finally {
    closeSync(fd);
  }
  utimesSync(path, Number(atimeNs) / 1e9, Number(mtimeNs) / 1e9);
}

describe('cp --checksum', () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.start();
    await rig.addMachine('other');
  });
  after(() => rig[Symbol.asyncDispose]());

  async function copy(...args: string[]): Promise<JobView> {
    const { code, out, err } = await rig.cli('cp', '--json', '--undo', 'off', ...args);
    assert.equal(code, 0, err + out);
    return JSON.parse(out.trim().split('\n').at(-1)!) as JobView;
  }

  const changed = ['d1/e1/f1.bin', 'large.bin', 'edge'];

  for (const way of ['in', 'out', 'between'] as const) {
    test(`${way}: finds files that changed with size and time kept, and sends nothing of the others`, async () => {
      const here = join(way === 'in' ? rig.hostFiles : rig.guestFiles, `from-${way}`);
      const there = join(way === 'out' ? rig.hostFiles : rig.guestFiles, `to-${way}`);
      const from = way === 'in' ? here : `vm:${here}`;
      const to = { in: `vm:${there}/`, out: `${there}/`, between: `other:${there}/` }[way];
      const copied = join(there, `from-${way}`);
      mixedTree(here, 40);
      randomFile(join(here, 'edge'), 128 * 1024);
      for (const path of [...changed, 'd2/e2/f2.bin'])
        utimesSync(join(here, path), 1_600_000_000, 1_600_000_000);
      await copy(from, to);
      for (const path of changed) changeUnseen(join(here, path));

      const trusting = await copy(from, to);
      assert.equal(trusting.sentBytes, 0);
      assert.ok(listing(copied) !== listing(here));

      const looking = await copy('--checksum', from, to);
      assert.ok(listing(copied) === listing(here));
      const text = looking.note ?? '';
      assert.match(text, /contents were compared: 44, different: 3/);
      const small = statSync(join(here, 'd1/e1/f1.bin')).size + 128 * 1024;
      assert.ok(looking.sentBytes >= small, `${looking.sentBytes}`);
      assert.ok(looking.sentBytes <= small + 2 * 1024 * 1024, `${looking.sentBytes}`);

      if (way !== 'in') return;
      const again = await copy('--checksum', from, to);
      assert.equal(again.sentBytes, 0);
      assert.match(again.note ?? '', /contents were compared: 44, different: 0/);
    });
  }

  test('with -I is refused', async () => {
    const { code, err } = await rig.cli('cp', '-c', '-I', rig.hostFiles, `vm:${rig.guestFiles}/x`);
    assert.equal(code, 2);
    assert.match(err, /--checksum and -I/);
  });
});
