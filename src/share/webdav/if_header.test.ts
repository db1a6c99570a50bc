import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DavFailure } from './failure.ts';
import { parseIf, tokensOf } from './if_header.ts';

const token = (value: string, not = false) => ({ not, kind: 'token' as const, value });
const etag = (value: string, not = false) => ({ not, kind: 'etag' as const, value });

test('lists, resources, negations, tokens and entity tags are told apart', () => {
  assert.deepEqual(parseIf(null), []);
  assert.deepEqual(parseIf('(<urn:a> ["x"]) (Not <urn:b>)'), [
    { resource: null, conditions: [token('urn:a'), etag('"x"')] },
    { resource: null, conditions: [token('urn:b', true)] },
  ]);
  assert.deepEqual(parseIf('<http://h/a> (<t>)([W/"w"]) <http://h/b>\t(not ["y"])'), [
    { resource: 'http://h/a', conditions: [token('t')] },
    { resource: 'http://h/a', conditions: [etag('W/"w"')] },
    { resource: 'http://h/b', conditions: [etag('"y"', true)] },
  ]);
  assert.deepEqual([...tokensOf(parseIf('(<a> Not <b>) (["c"])'))], ['a', 'b']);
});

test('anything else is refused', () => {
  for (const text of [
    '',
    '()',
    '(<a>',
    '<a>',
    '(<a>))',
    'x',
    '(Not)',
    '(Not Not <a>)',
    '((<a>))',
    '(<a>) <b>x',
    '("x")',
  ])
    assert.throws(() => parseIf(text), DavFailure, text);
});
