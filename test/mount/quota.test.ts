// Shares with a quota that a machine shows, with a daemon and an agent in processes of their own: the same account for all
// ways to the share, right to the byte, also after a kill.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, until } from '../interop/rig.ts';
import { allocate } from '../posix/calls.ts';
import { send } from '../share/shares_rig.ts';
import { bytesBelow } from './bytes_below.ts';
import { skip } from './rig.ts';

const isMounted = (at: string) => listFuseMounts().some(({ mountpoint }) => mountpoint === at);
const run = promisify(execFile);
const QUOTA_BYTES = 4_000_000;
const DEADLINE_MS = 40_000;
/** EDQUOT, for which Node has no name. */
const EDQUOT = 'Unknown system error -122';
const FULL = { code: EDQUOT };

class Limited implements AsyncDisposable {
  readonly rig: Rig;
  readonly source: string;
  readonly place: string;
  #password = '';
  #url = '';

  constructor(rig: Rig) {
    this.rig = rig;
    this.source = path.join(rig.hostFiles, 'data');
    this.place = path.join(rig.guestFiles, 'place');
  }

  static async start(): Promise<Limited> {
    const rig = await Rig.start();
    const limited = new Limited(rig);
    await rig.waitUp();
    fs.mkdirSync(limited.source);
    fs.writeFileSync(path.join(limited.source, 'there'), Buffer.alloc(1_000));
    const words = ['--as-root', '--quota', String(QUOTA_BYTES), '--mount', `vm:${limited.place}`, '--json'];
    const { code, out, err } = await rig.cli('share', 'create', limited.source, ...words);
    assert.equal(code, 0, err);
    const { share, password } = JSON.parse(out);
    assert.equal(share.mount.state, 'mounted', out);
    limited.#password = password;
    limited.#url = share.url;
    return limited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig.client.call('removeShare', { name: 'data' });
    await until('it is unmounted', DEADLINE_MS, () => (isMounted(this.place) ? null : true));
    await this.rig[Symbol.asyncDispose]();
  }

  at(name: string): string {
    return path.join(this.place, name);
  }

  put(name: string, sizeBytes: number) {
    return send(`${this.#url}${name}`, 'PUT', 'data', this.#password, 'x'.repeat(sizeBytes));
  }

  async used(): Promise<number | null> {
    return (await this.rig.client.call('showShare', { name: 'data' })).usedBytes;
  }

  /** The account is what a walk finds: a file that was closed is given back a moment later. */
  async agrees(): Promise<void> {
    let told = '';
    const holds = async () => {
      const [used, walked] = [await this.used(), bytesBelow(this.source)];
      told = `${used} are counted, ${walked} are there`;
      return used === walked ? true : null;
    };
    await until('the account is right', DEADLINE_MS, holds).catch((cause) => {
      throw new Error(told, { cause });
    });
  }
}

/** A program that writes as many bytes as it can, without a look at the limit; what it was told, and what was flushed. */
const WRITER = `
const fs = require('node:fs');
const [, at, pieceBytes, pieces] = process.argv;
let flushed = 0;
let code = 'none';
try {
  const fd = fs.openSync(at, 'w');
  try {
    for (let piece = 0; piece < Number(pieces); piece += 1) {
      fs.writeSync(fd, Buffer.alloc(Number(pieceBytes), String.fromCharCode(97 + (piece % 26))));
      fs.fsyncSync(fd);
      flushed += Number(pieceBytes);
    }
  } finally { fs.closeSync(fd); }
} catch (failure) { code = failure.code; }
process.stdout.write(JSON.stringify({ flushed, code }));
`;

async function write(
  at: string,
  pieceBytes: number,
  pieces: number,
): Promise<{ flushed: number; code: string }> {
  const words = ['-e', WRITER, at, String(pieceBytes), String(pieces)];
  return JSON.parse((await run(process.execPath, words)).stdout);
}

function assertKept(at: string, flushed: number, pieceBytes: number): void {
  const there = fs.readFileSync(at);
  assert.ok(there.length >= flushed, `${there.length} of ${flushed} bytes that were flushed are there`);
  for (let at = 0; at < flushed; at += pieceBytes) assert.equal(there[at], 97 + ((at / pieceBytes) % 26));
}

describe('a share with a quota that a machine shows', { skip }, () => {
  it('takes no more than fits, tells it to the program, and counts what a walk finds', async () => {
    await using share = await Limited.start();
    await files.writeFile(share.at('a'), Buffer.alloc(3_000_000));
    await share.agrees();
    const { bsize, blocks, bavail } = await files.statfs(share.place);
    assert.equal(blocks, Math.floor(QUOTA_BYTES / bsize));
    assert.equal(bavail, Math.floor((QUOTA_BYTES - 3_001_000) / bsize));
    // one piece at a time waits for nothing: the error is told by a later write, or by the end
    await assert.rejects(files.writeFile(share.at('b'), Buffer.alloc(2_500_000)), FULL);
    await share.agrees();
    await files.rm(share.at('b'));
    await assert.rejects(files.truncate(share.at('a'), QUOTA_BYTES), FULL);
    const handle = await files.open(share.at('a'), 'r+');
    assert.equal(allocate(handle.fd, 0, 0, QUOTA_BYTES), EDQUOT);
    assert.equal(allocate(handle.fd, 1, 3_000_000, 4_096), 'ENOTSUP', 'room that has no size');
    assert.equal(allocate(handle.fd, 0, 0, 3_500_000), 'ok');
    await handle.close();
    await share.agrees();
    await files.link(share.at('a'), share.at('again'));
    await files.rm(share.at('a'));
    await share.agrees();
    assert.equal((await share.put('c', 600_000)).status, 507, 'WebDAV has the same account');
    assert.equal((await share.put('c', 400_000)).status, 201);
    await assert.rejects(files.writeFile(share.at('d'), Buffer.alloc(150_000)), FULL);
    await files.rename(share.at('c'), share.at('again'));
    await share.agrees();
    assert.equal(await share.used(), 401_000);
    await assert.rejects(files.mkdir(share.at('.causeway')), { code: 'EPERM' });
    assert.deepEqual((await files.readdir(share.place)).sort(), ['again', 'd', 'there']);
  });

  it('counts a file without a name for as long as it is open', async () => {
    await using share = await Limited.start();
    const handle = await files.open(share.at('a'), 'w+');
    await handle.write(Buffer.alloc(2_000_000));
    await handle.sync();
    await files.rm(share.at('a'));
    await handle.write(Buffer.alloc(1_000_000), 0, 1_000_000, 2_000_000);
    await handle.sync();
    assert.equal(await share.used(), 3_001_000);
    await assert.rejects(async () => {
      await handle.write(Buffer.alloc(1_000_000), 0, 1_000_000, 3_000_000);
      await handle.sync();
    }, FULL);
    await handle.close().catch(() => undefined); // it may tell once more
    await share.agrees();
    assert.equal(await share.used(), 1_000);
  });

  it('loses nothing that was flushed, whoever meets the limit with whom, and is right after a kill', async () => {
    await using share = await Limited.start();
    const [pieceBytes, pieces] = [50_000, 60];
    assert.equal((await share.put('up', 1)).status, 201); // its password is known then
    const uploads = Promise.all([1, 2, 3, 4, 5, 6].map((number) => share.put(`up${number}`, 300_000)));
    const names = ['one', 'two', 'three'];
    const told = await Promise.all(names.map((name) => write(share.at(name), pieceBytes, pieces)));
    const statuses = (await uploads).map(({ status }) => status);
    assert.ok(told.some(({ code }) => code === EDQUOT) || statuses.includes(507), JSON.stringify(told));
    for (const { code } of told) assert.ok(code === 'none' || code === EDQUOT, code);
    for (const status of statuses) assert.ok(status === 201 || status === 507, String(status));
    for (const [index, name] of names.entries())
      assertKept(path.join(share.source, name), told[index]!.flushed, pieceBytes);
    for (const [index, status] of statuses.entries())
      assert.equal(fs.existsSync(path.join(share.source, `up${index + 1}`)), status === 201);
    await share.agrees();
    assert.ok(bytesBelow(share.source) <= QUOTA_BYTES);
    for (const name of names) await files.rm(share.at(name));
    const late = write(share.at('late'), pieceBytes, 1_000).catch(() => null);
    await until('it has written', DEADLINE_MS, () =>
      fs.existsSync(path.join(share.source, 'late')) ? true : null,
    );
    const { rig } = share;
    await rig.daemon.kill();
    rig.startDaemon();
    await rig.daemon.ready;
    await until('the agent shows it again', DEADLINE_MS, async () =>
      (await rig.client.call('showShare', { name: 'data' })).mount?.state === 'mounted' ? true : null,
    );
    await late;
    await share.agrees();
    assert.ok(bytesBelow(share.source) <= QUOTA_BYTES);
  });
});
