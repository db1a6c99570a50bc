import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusWords } from './short.ts';

test('plain forms of status are understood without the whole command line, all others are left to it', () => {
  assert.deepEqual(statusWords(['status']), { json: false, data: undefined });
  assert.deepEqual(statusWords(['--data', '/d', 'status', '--json']), { json: true, data: '/d' });
  assert.deepEqual(statusWords(['status', '--data', '/d']), { json: false, data: '/d' });
  for (const line of [
    '',
    '--json',
    '--data status',
    'status status',
    'status --help',
    'status --data',
    'status --data --json',
    'status --data=/d',
    'jobs ls',
    'help status',
  ])
    assert.equal(statusWords(line.split(' ').filter((word) => word !== '')), null, line);
});
