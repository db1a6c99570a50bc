// What is done with the files of a share in a mount and by SMB stands in the audit log, where that is wished for.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig as ProcessRig, until } from '../interop/rig.ts';
import { Rig } from './shares_rig.ts';
import { type SmbClient, skipSmb, smb } from './smb_client.ts';

const OWNER = 12_345;
const DEADLINE_MS = 30_000;

interface Found {
  readonly actor: { readonly kind: string; readonly name: string; readonly address: string };
  readonly action: string;
  readonly resource: string;
  readonly outcome: string;
  readonly details: Record<string, unknown>;
}

/** Of the folder and all below, in the order in which it was done. */
async function search(rig: ProcessRig, folder: string): Promise<Found[]> {
  const { code, out, err } = await rig.cli('--json', 'audit', 'search', '--path', folder);
  assert.equal(code, 0, err);
  return out
    .trim()
    .split('\n')
    .flatMap((line) => JSON.parse(line).records ?? JSON.parse(line));
}

type Line = readonly [from: string, action: string, name: string, outcome: string];

/** Waits until the audit log says all of it: records come up to a tenth of a second after what they tell of. */
async function told(rig: ProcessRig, folder: string, lines: readonly Line[]): Promise<Found[]> {
  let missing: readonly Line[] = lines;
  const holds = async () => {
    const found = await search(rig, folder);
    const finds = ([from, action, name, outcome]: Line) =>
      found.find(
        (one) =>
          one.actor.address.startsWith(from) &&
          one.action === action &&
          one.outcome === outcome &&
          one.resource === `host:${path.join(folder, name)}`,
      );
    missing = lines.filter((line) => finds(line) === undefined);
    return missing.length === 0 ? lines.map((line) => finds(line)!) : null;
  };
  return until('the log tells it', DEADLINE_MS, holds).catch((cause) => {
    throw new Error(`the log does not tell ${JSON.stringify(missing)}`, { cause });
  });
}

async function start(audit: string) {
  const rig = await ProcessRig.start({ up: ['--smb', '127.0.0.1:0'] });
  const [source, place] = [path.join(rig.hostFiles, 'docs'), path.join(rig.guestFiles, 'place')];
  for (const at of [rig.folder, rig.hostFiles]) fs.chmodSync(at, 0o755);
  fs.mkdirSync(source);
  fs.chownSync(source, OWNER, OWNER);
  fs.writeFileSync(path.join(source, 'there'), 'there');
  fs.chownSync(path.join(source, 'there'), OWNER, OWNER);
  fs.writeFileSync(path.join(source, 'foreign'), 'of root', { mode: 0o600 });
  await rig.waitUp();
  const words = ['--smb', '--audit', audit, '--mount', `vm:${place}`, '--json'];
  const { code, out, err } = await rig.cli('share', 'create', source, ...words);
  assert.equal(code, 0, err);
  const { share, password } = JSON.parse(out);
  assert.deepEqual([share.audit, share.mount.state, share.smb.state], [audit, 'mounted', 'serving']);
  const client: SmbClient = { port: share.smb.port, password };
  return {
    rig,
    source,
    place,
    client,
    [Symbol.asyncDispose]: async () => {
      await rig.client.call('removeShare', { name: 'docs' });
      const isMounted = () =>
        listFuseMounts().some((one) => one.mountpoint === place || one.source === source);
      await until('nothing is mounted any more', DEADLINE_MS, () => (isMounted() ? null : true));
      await rig[Symbol.asyncDispose]();
    },
  };
}

describe('an audited share', { skip: skipSmb }, () => {
  for (const audit of ['all', 'strict'])
    it(`tells of everything that is done in a mount and by SMB: ${audit}`, async () => {
      await using share = await start(audit);
      const { rig, source, place, client } = share;
      const at = (name: string) => path.join(place, name);
      await files.writeFile(at('new'), 'new');
      await files.mkdir(at('folder'));
      await files.rename(at('new'), at('folder/renamed'));
      await files.readFile(at('there'), 'utf8');
      await files.appendFile(at('there'), 'more');
      await files.chmod(at('there'), 0o600);
      await files.symlink('there', at('link'));
      await files.rm(at('folder/renamed'));
      const local = path.join(rig.folder, 'local');
      fs.writeFileSync(local, 'by SMB');
      const said = await smb(
        client,
        `put ${local} put; mkdir made; rename put made/moved; get made/moved ${local}.back; del made/moved; rmdir made`,
      );
      assert.doesNotMatch(said, /NT_STATUS/);
      await assert.rejects(files.writeFile(at('foreign'), ''), { code: 'EACCES' });
      const [first, no] = audit === 'strict' ? ['started', 'failed'] : ['done', 'refused'];
      const records = await told(rig, source, [
        ['vm:vm', 'file.create', 'new', first],
        ['vm:vm', 'file.create', 'folder', 'done'],
        ['vm:vm', 'file.rename', 'new', 'done'],
        ['vm:vm', 'file.read', 'there', 'done'],
        ['vm:vm', 'file.write', 'there', 'done'],
        ['vm:vm', 'file.property', 'there', 'done'],
        ['vm:vm', 'file.create', 'link', 'done'],
        ['vm:vm', 'file.delete', 'folder/renamed', 'done'],
        ['vm:vm', 'file.write', 'foreign', no],
        ['smb', 'file.create', 'put', 'done'],
        ['smb', 'file.create', 'made', 'done'],
        ['smb', 'file.rename', 'put', 'done'],
        ['smb', 'file.read', 'made/moved', 'done'],
        ['smb', 'file.delete', 'made/moved', 'done'],
        ['smb', 'file.delete', 'made', 'done'],
      ]);
      for (const { actor } of records) assert.deepEqual([actor.kind, actor.name], ['share', 'docs']);
      // a process that waits for its record is there when its client is looked for
      if (audit === 'strict') assert.equal(records[9]?.actor.address, 'smb:127.0.0.1');
      const log = fs.readFileSync(path.join(rig.folder, 'host/samba/log.smbd'), 'latin1');
      assert.match(log, /Auth:.*\[docs\].*NT_STATUS_OK/);
      assert.deepEqual({ ...records[0]?.details }, { share: 'docs', user: 0 });
      assert.match(String(records[2]?.details['to']), /docs\/folder\/renamed$/);
      const verified = await rig.cli('audit', 'verify');
      assert.equal(verified.code, 0, verified.err);
    });

  for (const audit of ['all', 'strict'] as const)
    it(`changes nothing that it cannot tell of: ${audit}`, async () => {
      await using rig = await Rig.start();
      fs.chmodSync(rig.base, 0o711);
      fs.chownSync(rig.source, OWNER, OWNER);
      fs.writeFileSync(path.join(rig.source, 'old'), 'old');
      const { share, password } = await rig.create({ smb: true, audit });
      const client = { port: share.smb!.port!, password: password! };
      assert.match(await smb(client, 'ls'), /old/);
      await rig.daemon.access.trail.log.close();
      // without strictness it is learned from the first record that cannot be written
      if (audit === 'all')
        await until('it is refused', DEADLINE_MS, async () =>
          /NT_STATUS/.test(await smb(client, 'mkdir first; rmdir first')) ? true : null,
        );
      const before = fs.readdirSync(rig.source);
      for (const change of [
        'mkdir d',
        'del old',
        'rename old new',
        'put /etc/hostname hosts',
        'get old /dev/null',
      ])
        assert.match(await smb(client, change), /NT_STATUS/, change);
      assert.deepEqual(fs.readdirSync(rig.source), before);
      assert.equal(fs.readFileSync(path.join(rig.source, 'old'), 'utf8'), 'old');
    });
});
