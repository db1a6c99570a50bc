import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { HttpAnswerReader } from './http_answer.ts';

function read(text: string, pieceBytes = Number.POSITIVE_INFINITY) {
  const body: string[] = [];
  const reader = new HttpAnswerReader((piece) => body.push(Buffer.from(piece).toString('latin1')));
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.push(bytes.subarray(at, at + pieceBytes));
  return {
    status: reader.head?.status,
    fields: reader.head?.fields,
    isComplete: reader.isComplete,
    body: body.join(''),
  };
}

const FIXED = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{"a"}';
const CHUNKED =
  'HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123\r\n\r\n89\r\n0\r\nt: v\r\n\r\n';

test('an answer is read the same however it is cut', () => {
  for (const pieceBytes of [1, 2, 3, 7, 64, Number.POSITIVE_INFINITY]) {
    const fixed = read(FIXED, pieceBytes);
    assert.deepEqual([fixed.status, fixed.body, fixed.isComplete], [200, '{"a"}', true]);
    assert.equal(fixed.fields?.get('content-type'), 'application/json');
    const chunked = read(CHUNKED, pieceBytes);
    assert.deepEqual([chunked.status, chunked.body, chunked.isComplete], [404, 'abc0123\r\n\r\n89', true]);
  }
});

test('interim answers are passed over, and answers without a body are whole with their head', () => {
  assert.equal(read(`HTTP/1.1 100 Continue\r\n\r\n${FIXED}`, 5).body, '{"a"}');
  assert.ok(read('HTTP/1.1 204 No Content\r\n\r\n').isComplete);
  assert.ok(read('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n').isComplete);
});

test('what is cut short is never taken for the whole', () => {
  for (const text of [FIXED, CHUNKED])
    for (let end = 0; end < text.length; end += 1)
      assert.equal(read(text.slice(0, end)).isComplete, false, `cut behind ${end} bytes`);
});

test('what is no such answer is refused', () => {
  for (const text of [
    'SSH-2.0-OpenSSH_9.2\r\n\r\n\r\n',
    'HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\n\r\nno end told',
    'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-length: 1e3\r\n\r\n',
    'HTTP/1.1 200 OK\r\nno field\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabc\r\n',
    `${FIXED}and more`,
    `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(LIMITS.localAnswerHeadBytes.value)}`,
  ])
    for (const pieceBytes of [1_000, Number.POSITIVE_INFINITY])
      assert.throws(() => read(text, pieceBytes), { code: 'CW_DAEMON_ANSWER' }, text.slice(0, 60));
});
