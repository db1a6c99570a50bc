import assert from 'node:assert/strict';
import { test } from 'node:test';
import { httpDate, parseHttpDate } from './http_date.ts';

test('dates are those of the platform, and are read back to the second', () => {
  assert.equal(httpDate(784_111_777_999_999_999n), 'Sun, 06 Nov 1994 08:49:37 GMT');
  for (let step = -40; step < 400; step += 1) {
    const seconds = step * 27_182_818 + (step % 7);
    const text = httpDate(BigInt(seconds) * 1_000_000_000n);
    assert.equal(text, new Date(seconds * 1_000).toUTCString());
    assert.equal(parseHttpDate(text), seconds);
  }
});

test('what is no date is none', () => {
  for (const text of ['', 'yesterday', 'Sun, 06 Foo 1994 08:49:37 GMT', '1994-11-06'])
    assert.equal(parseHttpDate(text), null);
});
