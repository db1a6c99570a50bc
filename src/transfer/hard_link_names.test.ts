import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanEntry } from '../wire/copy_types.ts';
import type { Stat } from '../world/disk.ts';
import { HardLinkNames } from './hard_link_names.ts';

function place(names: HardLinkNames, path: string, index: number, stat: Partial<Stat>): PlanEntry {
  const entry = {
    path,
    kind: 'file',
    sizeBytes: 9,
    mode: 0o644,
    mtimeNs: 1n,
    ctimeNs: 1n,
    linkTarget: '',
  } as const;
  return names.place(
    { ...entry, inode: stat.inode ?? '1' },
    { linkCount: 2, deviceId: '8:1', inode: '1', ...stat } as Stat,
    index,
  );
}

test('the first name of a file carries its bytes, the others say whose names they are', () => {
  const names = new HardLinkNames();
  assert.equal(place(names, 'a', 3, { linkCount: 3 }).kind, 'file');
  assert.equal(place(names, 'alone', 4, { linkCount: 1, inode: '2' }).kind, 'file');
  assert.equal(place(names, 'other device', 5, { deviceId: '8:2' }).kind, 'file');
  for (const [path, index] of [
    ['b', 6],
    ['c', 7],
  ] as const) {
    const { kind, sizeBytes, linkTarget, first } = place(names, path, index, { linkCount: 3 });
    assert.deepEqual(
      { kind, sizeBytes, linkTarget, first },
      { kind: 'hardLink', sizeBytes: 0, linkTarget: 'a', first: 3 },
    );
  }
  assert.equal(
    place(names, 'after the last', 8, { linkCount: 3 }).kind,
    'file',
    'a file whose names were all met is forgotten',
  );
  assert.equal(names.forgotten, 0);
});
