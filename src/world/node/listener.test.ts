import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { Conn } from '../net.ts';
import { createNodeNet } from './net.ts';

const { dial, listen } = createNodeNet();
const DIAL = { timeoutMs: 5_000 };
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-listen-'));
after(() => fs.rmSync(scratch, { recursive: true, force: true }));
const unix = (name: string) => ({ kind: 'unix', path: path.join(scratch, name) }) as const;

async function byteOf(conn: Conn): Promise<number> {
  const into = new Uint8Array(1);
  return (await conn.read(into, 1)) === 1 ? (into[0] as number) : -1;
}

test('a Unix socket has mode 0600, leaves no folder beside it, and goes when the listener closes', async () => {
  const endpoint = unix('a');
  const listener = await listen(endpoint);
  assert.equal(fs.statSync(endpoint.path).mode & 0o777, 0o600);
  assert.deepEqual(fs.readdirSync(scratch), ['a']);
  await listener.close();
  assert.deepEqual(fs.readdirSync(scratch), []);
});

test('a stale socket file is replaced, one that answers is not, and other files are left alone', async () => {
  const endpoint = unix('stale');
  const script = `require('node:net').createServer().listen(${JSON.stringify(endpoint.path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  const { spawnSync } = await import('node:child_process');
  spawnSync(process.execPath, ['-e', script]);
  assert.ok(fs.lstatSync(endpoint.path).isSocket());
  const listener = await listen(endpoint);
  await assert.rejects(listen(endpoint), { code: 'CW_LINK_BUSY' });
  await (await listener.accept()).close(); // the question of the second listener whether somebody answers
  const conn = await dial(endpoint, DIAL);
  await (await listener.accept()).write([Uint8Array.of(7)]);
  assert.equal(await byteOf(conn), 7);
  await conn.close();
  await listener.close();
  fs.writeFileSync(endpoint.path, 'precious');
  await assert.rejects(listen(endpoint), { code: 'CW_LINK_BUSY', message: /no socket/ });
  assert.equal(fs.readFileSync(endpoint.path, 'utf8'), 'precious');
  await assert.rejects(dial(endpoint, DIAL), { code: 'CW_LINK_REFUSED' });
});

test('a listener that closes late does not remove the socket of its successor', async () => {
  const endpoint = unix('successor');
  const first = await listen(endpoint);
  fs.unlinkSync(endpoint.path);
  const second = await listen(endpoint);
  await first.close();
  await (await dial(endpoint, DIAL)).close();
  await second.close();
  await assert.rejects(dial(endpoint, DIAL), { code: 'CW_LINK_REFUSED' });
});

test('a socket path that is too long and a folder that is missing are refused with their reason', async () => {
  await assert.rejects(listen(unix('x'.repeat(100))), { code: 'CW_LINK_REFUSED', message: /longer than/ });
  await assert.rejects(listen({ kind: 'unix', path: `${scratch}/none/s` }), {
    code: 'CW_LINK_REFUSED',
    message: /does not exist/,
  });
  await assert.rejects(listen({ kind: 'tcp', host: '192.0.2.1', port: 0 }), {
    code: 'CW_LINK_REFUSED',
    message: /does not have that address/,
  });
  await assert.rejects(listen({ kind: 'stdio' }), { code: 'CW_UNSUPPORTED' });
});

test('connections beyond the accept queue are cut, the queued ones live, and close cuts those too', async () => {
  const listener = await listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  const limit = LIMITS.unauthenticatedMax.value;
  const conns: Conn[] = [];
  for (let i = 0; i < limit + 3; i++) conns.push(await dial(listener.endpoint, DIAL));
  for (const conn of conns.slice(limit)) assert.equal(await byteOf(conn).catch(() => -1), -1);
  const accepted = await listener.accept();
  await accepted.write([Uint8Array.of(9)]);
  assert.equal(await byteOf(conns[0] as Conn), 9);
  await listener.close();
  for (const conn of conns.slice(1)) assert.equal(await byteOf(conn).catch(() => -1), -1);
  for (const conn of [...conns, accepted]) await conn.close();
});

test('an answer that comes too late is CW_TIMEOUT, and an abort gives its reason', async () => {
  const listener = await listen({ kind: 'tcp', host: '127.0.0.1', port: 0 });
  const abort = new AbortController();
  const dialing = dial(listener.endpoint, { timeoutMs: 5_000, signal: abort.signal });
  abort.abort();
  await assert.rejects(dialing, { code: 'CW_CANCELLED' });
  // the timer of 0 ms has run out by the time the connection is reported
  const blocked = dial(listener.endpoint, { timeoutMs: 0 });
  const untilMs = performance.now() + 5;
  while (performance.now() < untilMs);
  await assert.rejects(blocked, { code: 'CW_TIMEOUT' });
  await listener.close();
});
