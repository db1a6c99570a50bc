import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRelPath, type RelPath } from '../../base/path.ts';
import { DavFailure } from './failure.ts';
import { hrefOf, pathOfTarget, placeOf } from './paths.ts';

test('a URL names the place that its href names', () => {
  for (const text of [
    'a',
    'a b/c',
    'Grüße/数据.txt',
    "it's (1)*!",
    '100%/#?&;+',
    'a\nb',
    '..a/b..',
    '%2e%2e',
  ]) {
    const path = parseRelPath(text);
    for (const isFolder of [true, false]) {
      const href = hrefOf('/my%20share', path, isFolder);
      assert.match(href, /^[\w/%.~-]+$/);
      assert.deepEqual(placeOf(pathOfTarget(href).path, '/my share'), { urlPath: path, isFolder });
      assert.equal(pathOfTarget(`https://host:1${href}?x=/..`).path, href);
    }
  }
  assert.deepEqual(placeOf('/s', '/s'), { urlPath: '', isFolder: true });
  assert.deepEqual(placeOf('//s//a//', '/s'), { urlPath: 'a', isFolder: true });
  assert.equal(placeOf('/other/a', '/s'), null);
  assert.equal(hrefOf('/s', '' as RelPath, true), '/s/');
});

test('no URL leads above a share', () => {
  const hostile = [
    '/s/..',
    '/s/../x',
    '/s/%2e%2e/x',
    '/s/a/%2E%2e',
    '/s/.',
    '/s/a%2fb',
    '/s/a%00',
    '/s/%ff',
    '/s/%c0%ae%c0%ae',
  ];
  for (const target of hostile) assert.throws(() => placeOf(target, '/s'), DavFailure, target);
  for (const target of ['', 'x', '*', '/s/a#b', 'http:/s', 'http://h/s#x'])
    assert.throws(() => pathOfTarget(target), DavFailure, target);
});
