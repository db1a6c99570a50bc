import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import type { ShareView } from '../../src/contract/share_schemas.ts';
import { Rig as ProcessRig, until } from '../interop/rig.ts';
import { Rig } from './shares_rig.ts';
import { type SmbClient, skipSmb, smb } from './smb_client.ts';

const skip = skipSmb;
const run = promisify(execFile);
/** No user of this machine: clients act as the owner of the folder. */
const OWNER = 12_345;
const DEADLINE_MS = 30_000;

function portOf({ smb: view }: ShareView): number {
  assert.equal(view?.state, 'serving', JSON.stringify(view));
  return view!.port!;
}

/** Programs of Samba that work on a data folder. */
function samba(folder: string): number[] {
  return fs.readdirSync('/proc').flatMap((pid) => {
    try {
      const line = fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      return line.startsWith('smbd') && line.includes(folder) ? [Number(pid)] : [];
    } catch {
      return []; // no process, or one that ended meanwhile
    }
  });
}

describe('shares by SMB', { skip }, () => {
  let rig: Rig;
  let client: SmbClient;
  const folder = (...names: string[]) => path.join(rig.source, ...names);
  const view = () => rig.client.call('showShare', { name: 'docs' });
  before(async () => {
    rig = await Rig.start();
    fs.chmodSync(rig.base, 0o711);
    fs.chownSync(rig.source, OWNER, OWNER);
    const { share, password } = await rig.create({ smb: true });
    client = { port: portOf(share), password: password! };
  });
  after(() => rig[Symbol.asyncDispose]());

  test('a client stores, makes, renames, reads and removes; what it makes belongs to the owner of the folder', async () => {
    const bytes = Buffer.alloc(3_000_001, 'causeway ');
    const local = path.join(rig.base, 'local');
    fs.writeFileSync(local, bytes);
    const said = await smb(
      client,
      `lcd ${rig.base}; put local a.txt; mkdir d; rename a.txt d/b.txt; get d/b.txt back; put local gone; del gone`,
    );
    assert.doesNotMatch(said, /NT_STATUS/, said);
    assert.deepEqual(fs.readdirSync(rig.source).sort(), ['d']);
    assert.ok(fs.readFileSync(folder('d', 'b.txt')).equals(bytes));
    assert.ok(fs.readFileSync(path.join(rig.base, 'back')).equals(bytes));
    assert.equal(fs.statSync(folder('d', 'b.txt')).uid, OWNER);
  });

  test('who does not sign in, or not as this share, gets nothing, not even a list of shares', async () => {
    assert.match(await smb({ ...client, password: 'wrong' }, 'ls'), /NT_STATUS_LOGON_FAILURE/);
    assert.match(await smb({ ...client, user: 'root' }, 'ls'), /NT_STATUS_LOGON_FAILURE/);
    const list = await run('smbclient', ['-p', String(client.port), '-N', '-L', '//127.0.0.1']).catch(
      (failure) => failure,
    );
    assert.match(`${list.stdout}${list.stderr}`, /NT_STATUS_ACCESS_DENIED/);
    assert.doesNotMatch(`${list.stdout}`, /docs/);
  });

  test('who signs in, and who is refused, stands in the audit log with the address', async () => {
    await smb(client, 'ls');
    await smb({ ...client, password: 'wrong' }, 'ls');
    await smb({ ...client, user: 'stranger' }, 'ls');
    const told = async () => {
      const { records } = await rig.client.call(
        'searchAudit',
        {},
        {
          action: 'share.use',
        },
      );
      const has = (user: string | null, outcome: string, status: string) =>
        records.some(
          ({ actor, details, ...one }) =>
            actor.address === 'smb:127.0.0.1' &&
            one.outcome === outcome &&
            (user === null || details['user'] === user) &&
            details['status'] === status,
        );
      const isTold =
        has('docs', 'done', 'NT_STATUS_OK') &&
        has('docs', 'refused', 'NT_STATUS_WRONG_PASSWORD') &&
        has(null, 'refused', 'NT_STATUS_NO_SUCH_USER');
      return isTold ? true : null;
    };
    await until('the log tells of them', DEADLINE_MS, told);
  });

  test('a client of SMB 2 is refused', async () => {
    const options = ['-m', 'SMB2', '--option=client min protocol=SMB2'];
    assert.match(await smb({ ...client, options }, 'ls'), /NT_STATUS_NOT_SUPPORTED/);
  });

  test('nothing that travels can be read', async () => {
    await using wire = await Recorder.start(client.port);
    const secret = 'a text that nobody on the way may see';
    const local = path.join(rig.base, 'secret');
    fs.writeFileSync(local, secret.repeat(50));
    const said = await smb(
      { ...client, port: wire.port },
      `put ${local} telling-name; get telling-name /dev/null; del telling-name`,
    );
    assert.doesNotMatch(said, /NT_STATUS/, said);
    const seen = Buffer.concat(wire.seen);
    assert.ok(seen.length > 4_000);
    for (const text of [secret, 'telling-name'])
      for (const encoding of ['utf8', 'utf16le'] as const)
        assert.equal(seen.indexOf(Buffer.from(text, encoding)), -1, text);
  });

  test('no link and no name leads out of the folder, and what is the daemon’s own is not there', async () => {
    fs.writeFileSync(path.join(rig.base, 'outside'), 'outside');
    fs.symlinkSync(path.join(rig.base, 'outside'), folder('way-out'));
    fs.symlinkSync(rig.base, folder('folder-out'));
    fs.mkdirSync(folder('.causeway'), { recursive: true });
    const target = path.join(rig.base, 'stolen');
    for (const name of ['way-out', 'folder-out/outside', '../outside', '.causeway/x'])
      assert.match(await smb(client, `get ${name} ${target}`), /NT_STATUS_/, name);
    assert.ok(!fs.existsSync(target));
    assert.doesNotMatch(await smb(client, 'ls'), /\.causeway/);
  });

  test('read-only, a new password, and the end of it hold at once, for those who are connected too', async () => {
    fs.writeFileSync(folder('there'), 'there');
    await rig.client.call('setShare', { name: 'docs' }, { readOnly: true });
    assert.match(await smb(client, 'mkdir no'), /NT_STATUS_(ACCESS_DENIED|MEDIA_WRITE_PROTECTED)/);
    await rig.client.call('setShare', { name: 'docs' }, { readOnly: false });
    const connected = await Connected.to(client);
    const { password } = await rig.client.call('setShare', { name: 'docs' }, { newPassword: true });
    assert.match(await connected.say('get there -'), /NT_STATUS_|Connection|not connected/i);
    connected.end();
    assert.match(await smb(client, 'ls'), /NT_STATUS_LOGON_FAILURE/);
    client = { ...client, password: password! };
    assert.match(await smb(client, 'ls'), /there/);
  });

  test('a folder that is missing is an error, never an empty folder, and serves again when it is back', async () => {
    const away = `${rig.source}.away`;
    fs.renameSync(rig.source, away);
    fs.mkdirSync(rig.source);
    await until('it is withdrawn', DEADLINE_MS, async () =>
      (await view()).smb?.state === 'error' ? true : null,
    );
    await until('Samba has heard of it', DEADLINE_MS, async () =>
      /NT_STATUS_(BAD_NETWORK_NAME|CONNECTION_REFUSED|LOGON_FAILURE)/.test(await smb(client, 'ls'))
        ? true
        : null,
    );
    fs.rmdirSync(rig.source);
    fs.renameSync(away, rig.source);
    await until('it serves again', DEADLINE_MS, async () =>
      (await view()).smb?.state === 'serving' ? true : null,
    );
    client = { ...client, port: portOf(await view()) };
    assert.match(await smb(client, 'ls'), /there/);
  });

  test('a server that dies is started again', async () => {
    const [first] = samba(rig.base).sort((a, b) => a - b);
    process.kill(first!, 'SIGKILL');
    await until('another one serves', DEADLINE_MS, async () => {
      const share = await view();
      if (share.smb?.state !== 'serving' || samba(rig.base).includes(first!)) return null;
      client = { ...client, port: portOf(share) };
      return /there/.test(await smb(client, 'ls')) ? true : null;
    });
    const part = rig.daemon.parts().find(({ name }) => name === 'samba');
    assert.deepEqual([part?.state, part?.error?.code], ['running', 'CW_SHARE_SMB']);
    assert.ok((part?.restarts ?? 0) >= 1);
  });

  test('a folder that its owner cannot reach is refused', async () => {
    const closed = path.join(rig.base, 'closed');
    fs.mkdirSync(path.join(closed, 'own'), { recursive: true });
    fs.chownSync(path.join(closed, 'own'), OWNER, OWNER);
    fs.chmodSync(closed, 0o700);
    const source = path.join(closed, 'own');
    await assert.rejects(rig.create({ name: 'own', source, smb: true }), /cannot reach it/);
  });

  test('what Samba would not keep, or cannot name, is refused and leaves nothing', async () => {
    for (const name of ['homes', 'DOCS'])
      await assert.rejects(rig.create({ name, smb: true }), { code: 'CW_SHARE_SMB' });
    assert.equal((await rig.client.call('listShares', {})).length, 1);
  });

  test('after --no-smb nothing is left of it, and the share goes on by WebDAV', async () => {
    await rig.client.call('setShare', { name: 'docs' }, { smb: false });
    assert.equal((await view()).smb, null);
    assert.equal((await view()).state, 'serving');
    await until('Samba has ended', DEADLINE_MS, () => (samba(rig.base).length === 0 ? true : null));
  });
});

test('Samba ends with a daemon that is killed, and serves again after the next start', { skip }, async () => {
  await using rig = await ProcessRig.start({ up: ['--smb', '127.0.0.1:0'] });
  const source = path.join(rig.folder, 'folder');
  fs.mkdirSync(source);
  const { code, out, err } = await rig.cli('share', 'create', source, '--name', 'docs', '--smb', '--json');
  assert.equal(code, 0, err);
  const { password } = JSON.parse(out) as { password: string };
  assert.ok(samba(rig.folder).length > 0);
  await rig.daemon.kill();
  await until('Samba has ended', DEADLINE_MS, () => (samba(rig.folder).length === 0 ? true : null));
  rig.startDaemon();
  await rig.daemon.ready;
  const share = await rig.client.call('showShare', { name: 'docs' });
  assert.doesNotMatch(await smb({ port: portOf(share), password }, 'mkdir made'), /NT_STATUS/);
  assert.ok(fs.existsSync(path.join(source, 'made')));
  await rig.daemon.kill('SIGTERM');
  assert.deepEqual(samba(rig.folder), []);
});

/** A smbclient that stays connected. */
class Connected {
  readonly #child;
  #said = '';

  private constructor({ port, password }: SmbClient) {
    const words = ['-s', '/dev/null', '-p', String(port), '-U', `docs%${password}`, '//127.0.0.1/docs'];
    this.#child = spawn('stdbuf', ['-o0', 'smbclient', ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream.on('data', (piece: Buffer) => {
        this.#said += piece.toString();
      });
    this.#child.stdin.on('error', () => undefined); // it has ended: what it said tells why
  }

  static async to(client: SmbClient): Promise<Connected> {
    const connected = new Connected(client);
    assert.match(await connected.say('ls'), /blocks available/);
    return connected;
  }

  /** What it answers to one command. */
  say(command: string): Promise<string> {
    this.#said = '';
    this.#child.stdin.write(`${command}\n`);
    return until(`an answer to ${command}`, DEADLINE_MS, () => {
      const isOver =
        this.#child.exitCode !== null || /blocks available|NT_STATUS|KiloBytes|onnect/.test(this.#said);
      return isOver ? `${this.#said} ` : null;
    });
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Passes connections on and keeps what went through. */
class Recorder implements AsyncDisposable {
  readonly seen: Buffer[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer();
  port = 0;

  static async start(to: number): Promise<Recorder> {
    const recorder = new Recorder();
    recorder.#server.on('connection', (near) => {
      const far = createConnection({ host: '127.0.0.1', port: to });
      for (const [from, into] of [
        [near, far],
        [far, near],
      ] as const) {
        recorder.#sockets.add(from);
        from.on('data', (piece: Buffer) => recorder.seen.push(piece));
        from.on('error', () => into.destroy());
        from.pipe(into);
      }
    });
    await new Promise<void>((resolve) => recorder.#server.listen(0, '127.0.0.1', resolve));
    recorder.port = (recorder.#server.address() as { port: number }).port;
    return recorder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
