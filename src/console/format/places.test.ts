import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asDestination, crumbsOf, withChosen } from './places.ts';

describe('places', () => {
  it('show the way from where one began', () => {
    const texts = (base: string, path: string) =>
      crumbsOf(base, path).map(({ text, path: to }) => `${text}=${to}`);
    assert.deepEqual(texts('/srv/in', '/srv/in'), ['/srv/in=/srv/in']);
    assert.deepEqual(texts('/srv/in', '/srv/in/a/b'), ['/srv/in=/srv/in', 'a=/srv/in/a', 'b=/srv/in/a/b']);
    assert.deepEqual(texts('/', '/etc/x'), ['/=/', 'etc=/etc', 'x=/etc/x']);
  });

  it('fill the paths of a copy', () => {
    assert.deepEqual(withChosen(['', ' '], ['/a', '/b']), ['/a', '/b']);
    assert.deepEqual(withChosen(['/a', ''], ['/b', '/a']), ['/a', '/b']);
    assert.equal(asDestination('/srv'), '/srv/');
    assert.equal(asDestination('/'), '/');
  });
});
