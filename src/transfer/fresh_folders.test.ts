import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRelPath, ROOT_PATH } from '../base/path.ts';
import { FreshFolders } from './fresh_folders.ts';

const path = parseRelPath;

test('a folder that was made is fresh, and so is all below it; what stands beside and above is not', () => {
  const fresh = new FreshFolders();
  assert.equal(fresh.has(path('a/b')), false);
  fresh.add(path('a/b'));
  fresh.add(path('a/b/c'));
  assert.equal(fresh.has(path('a/b')), true);
  assert.equal(fresh.has(path('a/b/c/d')), true);
  assert.equal(fresh.has(path('a')), false);
  assert.equal(fresh.has(path('a/bc')), false);
  assert.equal(fresh.has(ROOT_PATH), false);
  fresh.add(path('a/bc'));
  assert.equal(fresh.has(path('a/bc')), true);
});
