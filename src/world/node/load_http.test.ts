import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { LoadHttp } from './load_http.ts';

/** What the client makes of two answers that come in pieces of `size` bytes. */
async function taken(answers: readonly string[], size: number): Promise<string[]> {
  const pending = [...answers];
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => undefined); // the client goes when it has what it wants
    socket.on('data', async () => {
      const text = pending.shift() ?? '';
      for (let at = 0; at < text.length; at += size) {
        socket.write(text.slice(at, at + size));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const http = await LoadHttp.open({ host: '127.0.0.1', port, isEncrypted: false, headers: '' });
  try {
    const got: string[] = [];
    for (const _ of answers) {
      let body = '';
      const status = await http.ask({ method: 'GET', path: '/' }, (bytes) => {
        body += Buffer.from(bytes).toString();
      });
      got.push(`${status} ${body}`);
    }
    return got;
  } finally {
    http.close();
    server.close();
  }
}

describe('the HTTP client of a benchmark', () => {
  const plain = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world';
  const chunked =
    'HTTP/1.1 207 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n000c;x=y\r\n brave world\r\n0\r\n\r\n';
  const empty = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n';

  for (const size of [1, 2, 3, 7, 1_000])
    it(`takes answers that come in pieces of ${size}`, async () => {
      const got = await taken([plain, chunked, empty, plain], size);
      assert.deepEqual(got, ['200 hello world', '207 hello brave world', '204 ', '200 hello world']);
    });

  it('refuses what is no HTTP, and ends where the connection does', async () => {
    await assert.rejects(taken(['SSH-2.0\r\n\r\n'], 100), /no answer of HTTP\/1.1: SSH-2.0/);
  });
});
