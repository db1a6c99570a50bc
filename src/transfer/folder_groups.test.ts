import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRelPath } from '../base/path.ts';
import { groupByFolder } from './folder_groups.ts';

function grouped(paths: readonly string[], itemsMax?: number, foldersMax?: number) {
  const groups = groupByFolder(paths, parseRelPath, itemsMax, foldersMax);
  return groups.map(({ folders, items }) =>
    items.map(({ item, folder, name }) => {
      assert.equal(folders[folder] === '' ? name : `${folders[folder]}/${name}`, item);
      return item;
    }),
  );
}

test('items of a folder share it, also where others lie between', () => {
  const paths = ['a/b/1', 'a/b/2', 'a/b', 'top', 'a/bc/1', 'a/b/c/1', 'a/b/3', 'top2', 'a/b/4'];
  assert.deepEqual(grouped(paths), [paths]);
  const [group] = groupByFolder(paths, parseRelPath);
  assert.deepEqual(group!.folders, ['a/b', 'a', '', 'a/bc', 'a/b/c']);
});

test('a group has as many items and folders as it may, in their order', () => {
  assert.deepEqual(grouped(['a/1', 'a/2', 'a/3', 'b/1', 'b/2'], 2), [
    ['a/1', 'a/2'],
    ['a/3', 'b/1'],
    ['b/2'],
  ]);
  assert.deepEqual(grouped(['a/1', 'b/1', 'a/2', 'c/1', 'c/2', 'a/3'], 9, 2), [
    ['a/1', 'b/1', 'a/2'],
    ['c/1', 'c/2', 'a/3'],
  ]);
});
