import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { Conn } from '../net.ts';
import { createNodeNet } from './net.ts';
import { createNodeProcesses } from './process.ts';

const { dial } = createNodeNet();
const { isAlive } = createNodeProcesses();
const exec = (...argv: string[]) => dial({ kind: 'exec', argv }, { timeoutMs: 5_000 });
const shell = (script: string) => exec('sh', '-c', script);

async function textOf(conn: Conn, length: number): Promise<string> {
  const into = new Uint8Array(length);
  return Buffer.from(into.subarray(0, await conn.read(into, length))).toString();
}

test('a command is a byte pipe both ways, also for much at once', async () => {
  const conn = await exec('cat');
  const bytes = new Uint8Array(3 << 20).map((_, i) => (i * 31) & 0xff);
  const into = new Uint8Array(bytes.byteLength);
  const [count] = await Promise.all([conn.read(into, into.byteLength), conn.write([bytes])]);
  assert.equal(count, bytes.byteLength);
  assert.deepEqual(into, bytes);
  await conn.close();
  await conn.close();
});

test('a command that dies early is told with its exit code and last words', async () => {
  const conn = await shell('echo "Permission denied (publickey)." >&2; exit 255');
  const failure = {
    code: 'CW_LINK_CLOSED',
    message: /^the command `sh -c .*` ended with exit code 255: Permission denied \(publickey\)\.$/s,
  };
  await assert.rejects(conn.read(new Uint8Array(4), 1), failure);
  await assert.rejects(conn.write([new Uint8Array(1 << 20)]), failure);
  await conn.close();
});

test('what a command said before it died can be read first; a signal is named', async () => {
  const conn = await shell('printf abc; kill -9 $$');
  assert.equal(await textOf(conn, 3), 'abc');
  await assert.rejects(conn.read(new Uint8Array(4), 1), { message: /was ended by SIGKILL/ });
  await conn.close();
});

test('a command that ends well is the end of the stream', async () => {
  const conn = await shell('printf abc');
  assert.equal(await textOf(conn, 9), 'abc');
  assert.equal(await conn.read(new Uint8Array(1), 1), 0);
  await assert.rejects(conn.write([new Uint8Array(1 << 20)]), { code: 'CW_LINK_CLOSED' });
  await conn.close();
});

test('of a chatty stderr the end is kept, within its limit', async () => {
  const conn = await shell('i=0; while [ $i -lt 3000 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 3');
  await assert.rejects(conn.read(new Uint8Array(1), 1), (error: Error) => {
    assert.match(error.message, /line 2999$/);
    assert.ok(error.message.length < LIMITS.execStderrMaxBytes.value + 500);
    return true;
  });
  await conn.close();
});

test('a program that does not exist is refused, an empty command is wrong use', async () => {
  await assert.rejects(exec('/no/such/program', 'x'), {
    code: 'CW_LINK_REFUSED',
    message: /cannot start `\/no\/such\/program x`: it does not exist/,
  });
  await assert.rejects(exec(), { code: 'CW_USAGE' });
});

test('close ends pending calls, the command, and what it started', async () => {
  const conn = await shell('sleep 1000 & echo $! $$; trap "" TERM; wait; sleep 1000');
  const [childPid = 0, shellPid = 0] = (await textOf(conn, 3)
    .then(async (start) => {
      let text = start;
      while (!text.includes('\n')) text += await textOf(conn, 1);
      return text;
    })
    .then((line) => line.trim().split(' ').map(Number))) as number[];
  assert.ok(isAlive(childPid) && isAlive(shellPid));
  const read = conn.read(new Uint8Array(1), 1);
  const write = conn.write([new Uint8Array(8 << 20)]);
  const outcomes = Promise.allSettled([read, write]);
  await conn.close();
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, 'rejected');
    assert.equal((outcome as PromiseRejectedResult).reason.code, 'CW_LINK_CLOSED');
  }
  const deadlineMs = performance.now() + 5_000;
  while ((isAlive(childPid) || isAlive(shellPid)) && performance.now() < deadlineMs)
    await new Promise(setImmediate);
  assert.deepEqual([isAlive(childPid), isAlive(shellPid)], [false, false]);
});

test("a process's own stdin and stdout are a connection, once", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-stdio-'));
  const script = path.join(folder, 'echo.ts');
  fs.writeFileSync(
    script,
    `import { createNodeNet } from ${JSON.stringify(new URL('./net.ts', import.meta.url).href)};
     const net = createNodeNet();
     const conn = await net.dial({ kind: 'stdio' }, { timeoutMs: 1000 });
     const again = await net.dial({ kind: 'stdio' }, { timeoutMs: 1000 }).catch((error) => error.code);
     const into = new Uint8Array(1 << 20);
     process.stderr.write(again);
     for (let n = await conn.read(into, 1); n > 0; n = await conn.read(into, 1)) await conn.write([into.slice(0, n)]);
     await conn.close();
     process.stderr.write('|closed');
     process.exit(5);`,
  );
  try {
    const conn = await exec(process.execPath, '--no-warnings', script);
    const bytes = new Uint8Array(2 << 20).map((_, i) => (i * 17) & 0xff);
    const into = new Uint8Array(bytes.byteLength);
    await Promise.all([conn.read(into, into.byteLength), conn.write([bytes])]);
    assert.deepEqual(into, bytes);
    await conn.close();

    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, ['--no-warnings', script], { stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    let echo = '';
    child.stdout.on('data', (text) => {
      echo += text;
    });
    child.stderr.on('data', (text) => {
      said += text;
    });
    child.stdin.end('x');
    const [code] = await once(child, 'close');
    assert.deepEqual({ code, said, echo }, { code: 5, said: 'CW_LINK_BUSY|closed', echo: 'x' });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});
