import assert from 'node:assert/strict';
import { createHash, randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { DISK_THREAD } from '../../src/guest/disk_thread_module.ts';
import { type DavRig, startDav } from './dav_rig.ts';

const SIZE_BYTES = 24 * 2 ** 20 + 12_345;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function put(rig: DavRig): Buffer {
  const bytes = randomFillSync(Buffer.alloc(SIZE_BYTES));
  fs.writeFileSync(path.join(rig.folder, 'big'), bytes);
  return bytes;
}

function open(rig: DavRig): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => get(`${rig.url}/big`, resolve).on('error', reject));
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of message) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

/** In memory where there is such a folder: a hole that is mapped takes memory there. */
function sparseFolder(): string {
  const parent = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
  return fs.mkdtempSync(path.join(parent, 'cw-dav-holes-'));
}

/** Descriptors of connections that this process has open. */
function connections(): number {
  const names = fs.readdirSync('/proc/self/fd');
  const targets = names.map((name) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return ''; // closed meanwhile
    }
  });
  return targets.filter((target) => target.startsWith('socket:')).length;
}

describe('downloads of large files by WebDAV', () => {
  it('have every byte, also where a client pauses, asks for a part, or asks again on the same connection', async () => {
    await using rig = await startDav((tree) => tree, null, { threads: DISK_THREAD });
    const bytes = put(rig);
    const paused = await open(rig);
    assert.equal(paused.headers['content-length'], String(SIZE_BYTES));
    for (let turn = 0; turn < 2; turn += 1) {
      const whole = Buffer.from(await (await fetch(`${rig.url}/big`)).arrayBuffer());
      assert.equal(sha256(whole), sha256(bytes));
    }
    const range = `bytes=7-${SIZE_BYTES - 9}`;
    const part = await fetch(`${rig.url}/big`, { headers: { range } });
    assert.equal(part.status, 206);
    assert.equal(sha256(Buffer.from(await part.arrayBuffer())), sha256(bytes.subarray(7, SIZE_BYTES - 8)));
    assert.equal(sha256(await bytesOf(paused)), sha256(bytes));
    assert.deepEqual(rig.notes, []);
  });

  it('that are cut, by a client or since the file became shorter, are told as such and leave nothing open', async () => {
    await using rig = await startDav((tree) => tree, null, { threads: DISK_THREAD });
    put(rig);
    const shortened = await open(rig);
    fs.truncateSync(path.join(rig.folder, 'big'), 20 * 2 ** 20);
    await assert.rejects(bytesOf(shortened));
    const before = connections();
    for (let turn = 0; turn < 8; turn += 1) {
      const message = await open(rig);
      message.once('data', () => message.destroy());
      await new Promise((resolve) => message.once('close', resolve));
    }
    while (connections() > before) await new Promise((resolve) => setImmediate(resolve));
    const small = await fetch(`${rig.url}/big`, { headers: { range: 'bytes=0-9' } });
    assert.equal((await small.arrayBuffer()).byteLength, 10);
  });

  it('are no whole ones where a file becomes shorter by a few bytes', async () => {
    await using rig = await startDav((tree) => tree, null, { threads: DISK_THREAD });
    put(rig);
    await fetch(`${rig.url}/big`).then((whole) => whole.arrayBuffer()); // there is a thread
    const shortened = await open(rig);
    fs.truncateSync(path.join(rig.folder, 'big'), SIZE_BYTES - 5);
    await assert.rejects(bytesOf(shortened));
  });

  it('of files with holes have them as zeros, and fill none', async () => {
    await using rig = await startDav((tree) => tree, null, { threads: DISK_THREAD, folder: sparseFolder() });
    const name = path.join(rig.folder, 'big');
    fs.writeFileSync(name, 'begin');
    fs.truncateSync(name, SIZE_BYTES);
    const { blocks } = fs.statSync(name);
    const whole = Buffer.from(await (await fetch(`${rig.url}/big`)).arrayBuffer());
    const expected = Buffer.alloc(SIZE_BYTES);
    expected.write('begin');
    assert.equal(sha256(whole), sha256(expected));
    assert.equal(fs.statSync(name).blocks, blocks);
  });

  it('end at once with the server', async () => {
    const rig = await startDav((tree) => tree, null, { threads: DISK_THREAD });
    put(rig);
    const message = await open(rig);
    const ended = assert.rejects(bytesOf(message));
    await rig[Symbol.asyncDispose]();
    await ended;
  });
});
