import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { MountView } from '../../contract/mount_schemas.ts';
import { meanText, shownCaches } from './caches.ts';

const MOUNT: MountView = {
  vm: 'web',
  folder: '/srv',
  mountpoint: '/mnt/web',
  readOnly: false,
  state: 'mounted',
  error: null,
  cache: null,
  cachePolicy: null,
  writes: null,
  waiting: null,
};
const WAITING: NonNullable<MountView['waiting']> = {
  dirtyBytes: 7,
  changes: 1,
  oldestDirtyAgeMs: 100,
  timeToCleanMs: null,
  journalBytes: 10,
  failures: [],
  conflicts: [],
};

it('shows mounts that keep something, and no others', () => {
  assert.deepEqual(shownCaches([MOUNT], []), []);
  const [shown] = shownCaches([MOUNT, { ...MOUNT, cachePolicy: 'write-back', waiting: WAITING }], []);
  assert.deepEqual([shown?.source, shown?.policy, shown?.machine], ['web:/srv', 'write-back', null]);
});

it('tells means with the digits that matter', () => {
  assert.deepEqual([meanText(0, 0), meanText(1_234, 1), meanText(90_000, 2)], ['0.00', '1.23', '45']);
});
