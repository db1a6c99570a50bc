import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { Conn } from '../net.ts';
import { createNodeNet } from './net.ts';
import { loadSyscalls } from './syscalls.ts';

const { dial, secure } = createNodeNet();
const open = (device: string) => dial({ kind: 'device', path: device }, { timeoutMs: 1_000 });
let scratch = '';
before(() => {
  scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-device-'));
});
after(() => fs.rmSync(scratch, { recursive: true, force: true }));

let fifos = 0;
/** A FIFO opened both ways gives back what was written to it, and holds 64 KiB. */
function makeFifo(): string {
  fifos += 1;
  const fifo = path.join(scratch, `fifo-${fifos}`);
  execFileSync('mkfifo', [fifo]);
  return fifo;
}

const patterned = (length: number) => new Uint8Array(length).map((_, i) => (i * 13 + (i >> 8)) & 0xff);

async function readAll(conn: Conn, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  assert.equal(await conn.read(into, length), length);
  return into;
}

test('bytes pass a device whole and in order, more than it holds at once', async () => {
  const conn = await open(makeFifo());
  const bytes = patterned(1_000_003);
  const [got] = await Promise.all([
    readAll(conn, bytes.byteLength),
    conn.write([bytes.subarray(0, 5), new Uint8Array(0), bytes.subarray(5)]),
  ]);
  assert.deepEqual(got, bytes);
  assert.match(conn.peer.description, /^serial \//);
  await conn.close();
});

test('close ends a read of an idle device and a write to a full one, at once', async () => {
  const conn = await open(makeFifo());
  const write = conn.write([new Uint8Array(1 << 20)]); // nobody takes more than 64 KiB of it
  await readAll(conn, 10);
  const quiet = await open(makeFifo());
  const read = quiet.read(new Uint8Array(4), 1);
  const outcomes = Promise.allSettled([write, read]);
  await Promise.all([conn.close(), quiet.close(), quiet.close()]);
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, 'rejected');
    assert.equal((outcome as PromiseRejectedResult).reason.code, 'CW_LINK_CLOSED');
  }
  await assert.rejects(conn.read(new Uint8Array(1), 1), { code: 'CW_LINK_CLOSED' });
});

test('control gets its turn while a device never runs dry, whatever the size of the reads', async () => {
  for (const sizeBytes of [1024, 256 * 1024]) {
    const conn = await open('/dev/zero');
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const into = new Uint8Array(sizeBytes);
    while (turns < 3) await conn.read(into, into.byteLength);
    clearInterval(timer);
    await conn.close();
  }
});

test('what is no device is refused with the reason', async () => {
  await assert.rejects(open('/dev/no-such-port'), { code: 'CW_LINK_REFUSED', message: /does not exist/ });
  const file = path.join(scratch, 'file');
  fs.writeFileSync(file, '');
  await assert.rejects(open(file), { code: 'CW_LINK_REFUSED', message: /no character device/ });
});

/** A pseudo-terminal: its far end as a path, and a connection to its near end. */
async function openPty(): Promise<{ near: number; farPath: string }> {
  const { dlopen } = process.getBuiltinModule('node:ffi');
  const { functions } = dlopen(null, {
    unlockpt: { return: 'i32', arguments: ['i32'] },
    ptsname_r: { return: 'i32', arguments: ['i32', 'pointer', 'u64'] },
  });
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = fs.constants;
  const near = fs.openSync('/dev/ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK);
  assert.equal(functions.unlockpt(near), 0);
  const name = Buffer.alloc(128);
  assert.equal(functions.ptsname_r(near, name, 128n), 0);
  return { near, farPath: name.toString('latin1', 0, name.indexOf(0)) };
}

const noPty =
  (loadSyscalls() === null || !fs.existsSync('/dev/ptmx')) && 'needs pseudo-terminals and node:ffi';

test('a terminal line passes every byte as it is, both ways, and its end is a cut', {
  skip: noPty,
}, async () => {
  const { near, farPath } = await openPty();
  const conn = await open(farPath);
  const everyByte = patterned(1024);
  await conn.write([everyByte]);
  const into = new Uint8Array(4096);
  assert.deepEqual(into.subarray(0, fs.readSync(near, into)), everyByte);
  fs.writeSync(near, everyByte);
  assert.deepEqual(await readAll(conn, everyByte.byteLength), everyByte);
  assert.throws(() => fs.readSync(near, into), { code: 'EAGAIN' }, 'nothing is echoed');
  const read = conn.read(new Uint8Array(4), 1);
  fs.closeSync(near);
  await assert.rejects(read, (error: { code: string }) => error.code === 'CW_LINK_CLOSED');
  await conn.close();
});

test('TLS over a device that nobody answers on ends with CW_TLS_FAILED and closes it', {
  skip: noPty,
}, async () => {
  const { near, farPath } = await openPty();
  const { createNodeIdentities } = await import('./identities.ts');
  const identity = await createNodeIdentities().create('device');
  const conn = await open(farPath);
  const securing = secure(conn, { identity, role: 'client', handshakeTimeoutMs: 50 });
  await assert.rejects(securing, { code: 'CW_TLS_FAILED', message: /no handshake in 50 ms/ });
  await assert.rejects(conn.read(new Uint8Array(1), 1), { code: 'CW_LINK_CLOSED' });
  fs.closeSync(near);
});
