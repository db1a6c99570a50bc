import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CopyOptions, PlanEntry } from '../wire/copy_types.ts';
import { Ownership, type OwnershipParts } from './ownership.ts';

function entry(userId: number | undefined, groupId: number | undefined, mode = 0o6755): PlanEntry {
  const plain = {
    path: 'f',
    kind: 'file',
    sizeBytes: 1,
    mtimeNs: 1n,
    ctimeNs: 1n,
    inode: '1',
    linkTarget: '',
  } as const;
  return { ...plain, mode, userId, groupId };
}

function ownership(options: Partial<CopyOptions>, more: Partial<OwnershipParts> = {}): Ownership {
  const made = { userId: 0, groupId: 0 };
  return new Ownership({ options, processUserId: 0, fileSystem: 'ext4', possible: true, made, ...more });
}

test('root keeps owners by default, and gives none where the entry has the right one by itself', () => {
  const kept = ownership({});
  assert.deepEqual(kept.of(entry(1000, 100)), { userId: 1000, groupId: 100 });
  assert.equal(kept.of(entry(0, 0)), null);
  assert.deepEqual(kept.wanted(entry(0, 0)), { userId: 0, groupId: 0 });
  assert.equal(kept.of(entry(undefined, undefined)), null);
  assert.equal(kept.modeOf(entry(1000, 100)), 0o6755);
  assert.equal(kept.note(), null);
});

test('others keep their own user, say so once, and lose set-id bits of owners that are not theirs', () => {
  const user = { processUserId: 1000, made: { userId: 1000, groupId: 1000 } };
  const own = ownership({}, user);
  assert.equal(own.of(entry(1000, 1000)), null);
  assert.equal(own.note(), null, 'nothing was left out');
  assert.equal(own.of(entry(0, 1000)), null);
  assert.match(own.note() ?? '', /runs as user 1000/);
  assert.equal(own.modeOf(entry(0, 1000)), 0o2755);
  assert.equal(own.modeOf(entry(1000, 0)), 0o4755);
  assert.equal(own.modeOf(entry(1000, 1000)), 0o6755);
  assert.deepEqual(ownership({ owner: 'keep' }, user).of(entry(0, 0)), { userId: 0, groupId: 0 });
  assert.equal(ownership({ owner: 'none' }).note(), null, 'it was asked for');
});

test('rules give other numbers, the one for any other comes last', () => {
  const idMappings = [
    { kind: 'user', from: null, to: 6 },
    { kind: 'user', from: 1000, to: 5 },
    { kind: 'group', from: 1000, to: 7 },
  ] as const;
  const mapped = ownership({ idMappings });
  assert.deepEqual(mapped.of(entry(1000, 1000)), { userId: 5, groupId: 7 });
  assert.deepEqual(mapped.of(entry(1, 1)), { userId: 6, groupId: 1 });
});

test('a file system without owners is not asked for them', () => {
  const fat = ownership({}, { fileSystem: 'vfat' });
  assert.equal(fat.of(entry(1000, 100)), null);
  assert.match(fat.note() ?? '', /vfat has no owners/);
});
