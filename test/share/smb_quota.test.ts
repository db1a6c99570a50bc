// A share with a quota by SMB: the error of each client, one account for all ways, and what is left after a kill.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, until } from '../interop/rig.ts';
import { bytesBelow } from '../mount/bytes_below.ts';
import { send } from './shares_rig.ts';
import { type SmbClient, skipSmb, smb } from './smb_client.ts';

const QUOTA_BYTES = 4_000_000;
const OWNER = 12_345;
const DEADLINE_MS = 30_000;

class Limited implements AsyncDisposable {
  readonly rig: Rig;
  readonly source: string;
  readonly place: string;
  #password = '';

  private constructor(rig: Rig) {
    this.rig = rig;
    this.source = path.join(rig.hostFiles, 'docs');
    this.place = path.join(rig.guestFiles, 'place');
  }

  static async start(): Promise<Limited> {
    const limited = new Limited(await Rig.start({ up: ['--smb', '127.0.0.1:0'] }));
    const { rig, source, place } = limited;
    for (const at of [rig.folder, rig.hostFiles]) fs.chmodSync(at, 0o755);
    fs.mkdirSync(source);
    fs.chownSync(source, OWNER, OWNER);
    await rig.waitUp();
    const words = ['--smb', '--quota', String(QUOTA_BYTES), '--mount', `vm:${place}`, '--json'];
    const { code, out, err } = await rig.cli('share', 'create', source, ...words);
    assert.equal(code, 0, err);
    limited.#password = JSON.parse(out).password;
    return limited;
  }

  view() {
    return this.rig.client.call('showShare', { name: 'docs' });
  }

  async client(): Promise<SmbClient> {
    const view = await until('it is served by SMB', DEADLINE_MS, async () => {
      const share = await this.view();
      return share.smb?.state === 'serving' ? share.smb : null;
    });
    return { port: view.port!, password: this.#password };
  }

  /** Puts so many bytes there by SMB. */
  async smbPut(name: string, sizeBytes: number): Promise<string> {
    const local = path.join(this.rig.folder, `local-${name}`);
    fs.writeFileSync(local, Buffer.alloc(sizeBytes, name));
    return smb(await this.client(), `put ${local} ${name}`);
  }

  async put(name: string, sizeBytes: number): Promise<number> {
    const { url } = await this.view();
    return (await send(`${url}${name}`, 'PUT', 'docs', this.#password, 'x'.repeat(sizeBytes))).status;
  }

  async agrees(): Promise<void> {
    let told = '';
    const holds = async () => {
      const [used, walked] = [(await this.view()).usedBytes, bytesBelow(this.source)];
      told = `${used} are counted, ${walked} are there`;
      return used === walked ? true : null;
    };
    await until('the account is right', DEADLINE_MS, holds).catch((cause) => {
      throw new Error(told, { cause });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig.client.call('removeShare', { name: 'docs' });
    const isMounted = () =>
      listFuseMounts().some(({ mountpoint, source }) => mountpoint === this.place || source === this.source);
    await until('nothing is mounted any more', DEADLINE_MS, () => (isMounted() ? null : true));
    await this.rig[Symbol.asyncDispose]();
  }
}

describe('a share with a quota by SMB', { skip: skipSmb }, () => {
  it('takes no more than fits, says so, and has one account with all other ways', async () => {
    await using share = await Limited.start();
    const client = await share.client();
    assert.doesNotMatch(await share.smbPut('a', 3_000_000), /NT_STATUS/);
    await share.agrees();
    assert.equal(fs.statSync(path.join(share.source, 'a')).uid, OWNER);
    assert.match(await smb(client, 'ls'), /390\d blocks of size 1024\. 9\d\d blocks available/);
    assert.match(await share.smbPut('b', 1_500_000), /NT_STATUS_(DISK_FULL|QUOTA_EXCEEDED)/);
    await share.agrees();
    assert.doesNotMatch(await smb(client, 'del b'), /NT_STATUS/);
    assert.equal(await share.put('c', 1_100_000), 507);
    assert.equal(await share.put('c', 900_000), 201);
    assert.match(await share.smbPut('d', 200_000), /NT_STATUS_(DISK_FULL|QUOTA_EXCEEDED)/);
    assert.throws(() => fs.writeFileSync(path.join(share.place, 'e'), Buffer.alloc(200_000)), {
      errno: -122,
    });
    const said = await smb(client, 'del d; rename a f; del c; mkdir folder; ls');
    assert.doesNotMatch(said, /NT_STATUS/);
    await share.agrees();
    assert.equal(await share.put('f', 3_900_000), 204, 'what it replaces is given back');
    await share.agrees();
  });

  it('is right to the byte when all ways meet the limit at once, and after a kill', async () => {
    await using share = await Limited.start();
    assert.equal(await share.put('first', 1), 201); // its password is known then
    const numbers = [1, 2, 3, 4];
    const sizeBytes = 500_000;
    const [said, statuses, told] = await Promise.all([
      Promise.all(numbers.map((number) => share.smbPut(`smb${number}`, sizeBytes))),
      Promise.all(numbers.map((number) => share.put(`dav${number}`, sizeBytes))),
      Promise.all(
        numbers.map((number) =>
          fs.promises.writeFile(path.join(share.place, `mount${number}`), Buffer.alloc(sizeBytes)).then(
            () => 0,
            ({ errno }) => errno,
          ),
        ),
      ),
    ]);
    const sizeOf = (name: string) =>
      fs.statSync(path.join(share.source, name), { throwIfNoEntry: false })?.size;
    let refused = 0;
    for (const [index, number] of numbers.entries()) {
      const isStored = !/NT_STATUS/.test(said[index]!);
      if (isStored) assert.equal(sizeOf(`smb${number}`), sizeBytes);
      else assert.match(said[index]!, /NT_STATUS_(DISK_FULL|QUOTA_EXCEEDED)/);
      assert.equal(sizeOf(`dav${number}`), statuses[index] === 201 ? sizeBytes : undefined);
      if (statuses[index] !== 201) assert.equal(statuses[index], 507);
      if (told[index] === 0) assert.equal(sizeOf(`mount${number}`), sizeBytes);
      else assert.equal(told[index], -122);
      refused += Number(!isStored) + Number(statuses[index] !== 201) + Number(told[index] !== 0);
    }
    assert.ok(refused > 0, 'twelve times 500,000 bytes are more than 4,000,000');
    await share.agrees();
    assert.ok(bytesBelow(share.source) <= QUOTA_BYTES);
    const before = bytesBelow(share.source);
    await share.rig.daemon.kill();
    share.rig.startDaemon();
    await share.rig.daemon.ready;
    await share.client();
    await share.agrees();
    assert.equal(bytesBelow(share.source), before);
    assert.match(await smb(await share.client(), 'ls'), /first/);
  });
});
