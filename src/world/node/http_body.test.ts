import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { CausewayError } from '../../base/errors.ts';
import type { HttpHandler } from '../http.ts';
import { gatheredBody } from './http_body.ts';
import { serveNodeHttp } from './http_server.ts';

const MIB = 1024 ** 2;

async function serving(handler: HttpHandler, work: (port: number) => Promise<void>): Promise<void> {
  const listener = await serveNodeHttp({ host: '127.0.0.1', port: 0, tls: null }, handler);
  try {
    await work(listener.port);
  } finally {
    await listener.close();
  }
}

describe('the body of a request', () => {
  for (const isChunked of [false, true])
    for (const sizeBytes of [0, 1, 100_000, MIB - 1, MIB, MIB + 1, 5 * MIB + 77])
      it(`comes whole and in order: ${sizeBytes} bytes${isChunked ? ' in chunks' : ''}`, async () => {
        const sent = randomBytes(sizeBytes);
        const got: Buffer[] = [];
        const handler: HttpHandler = async (request, reply) => {
          for await (const piece of request.body) {
            await new Promise((resolve) => setImmediate(resolve)); // more comes while this one is worked on
            got.push(Buffer.from(piece));
          }
          reply.begin(200, { 'content-length': '0' });
          await reply.end();
        };
        await serving(handler, async (port) => {
          const body = isChunked ? new Blob([sent]).stream() : sent;
          const options = { method: 'PUT', body, duplex: 'half' } as RequestInit;
          assert.equal((await fetch(`http://127.0.0.1:${port}/`, options)).status, 200);
        });
        assert.ok(Buffer.concat(got).equals(sent));
        assert.ok(got.every((piece) => piece.byteLength <= MIB));
      });

  it('ends with an error where the client goes away', async () => {
    const { promise: ended, resolve } = Promise.withResolvers<unknown>();
    const handler: HttpHandler = async (request) => {
      try {
        for await (const piece of request.body) assert.ok(piece.byteLength > 0);
        resolve(null);
      } catch (failure) {
        resolve(failure);
      }
    };
    await serving(handler, async (port) => {
      const client = connect(port, '127.0.0.1');
      client.write('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\nsome of it');
      client.once('ready', () => setImmediate(() => client.destroy()));
      const failure = await ended;
      assert.ok(failure instanceof CausewayError && failure.code === 'CW_LINK_CLOSED', String(failure));
    });
  });

  it('waits for whoever reads it: a client cannot fill the memory', async () => {
    const message = new Readable({ read: () => undefined });
    const body = gatheredBody(Object.assign(message, { headers: {} }) as unknown as IncomingMessage);
    const first = body.next();
    const piece = () => Buffer.alloc(64 * 1024);
    let given = 0;
    while (!message.isPaused()) {
      message.push(piece());
      given += 1;
      assert.ok(given < 100, 'it never had enough');
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok((await first).value!.byteLength > 0);
    assert.ok(given * 64 * 1024 <= 3 * MIB, `${given} pieces were taken`);
    let got = 0;
    message.push(null);
    for (let next = await body.next(); next.done !== true; next = await body.next())
      got += next.value.byteLength;
    assert.ok(got > 0 && !message.isPaused());
  });
});
