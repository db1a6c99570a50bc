import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { CausewayError } from '../../src/base/errors.ts';
import type { Agent } from '../../src/guest/agent.ts';
import { addMachine } from './add_machine.ts';
import { DaemonRig, PASSWORD } from './rig.ts';
import type { WebClient } from './web_client.ts';

const MANY = 1_000;

describe('files of a machine', () => {
  let rig: DaemonRig;
  let agent: Agent;
  let base = '';
  let olga: WebClient;

  before(async () => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'causeway-vm-files-')));
    for (const folder of ['in', 'in/sub', 'in/sub/deep', 'in-not', 'secret', 'real', 'many'])
      mkdirSync(join(base, folder));
    for (const file of ['in/b.txt', 'in/.hidden', 'secret/key', 'in-not/x', 'real/y'])
      writeFileSync(join(base, file), 'xyz');
    symlinkSync('../secret', join(base, 'in/out'));
    symlinkSync('../secret/key', join(base, 'in/key'));
    symlinkSync('/nowhere', join(base, 'in/dangling'));
    symlinkSync('sub', join(base, 'in/inside'));
    symlinkSync('loop', join(base, 'in/loop'));
    symlinkSync('real', join(base, 'named'));
    for (let at = 0; at < MANY; at += 1) writeFileSync(join(base, 'many', `${at}-`.padEnd(250, 'n')), '');
    rig = await DaemonRig.start();
    await rig.ann();
    const scopes = [`vm:web-*:${base}/in`, `vm:web-1:${base}/named`, 'vm:db-1:/srv', `host:${base}/secret`];
    await rig.addUser('olga', [{ role: 'operator', scopes }]);
    olga = rig.client();
    await olga.logIn('olga', PASSWORD);
    agent = await addMachine(rig, 'web-1');
    await rig.socket.call('addVm', {}, { name: 'web-2', endpoint: { kind: 'listen' } });
  });
  after(async () => {
    await agent?.close();
    await rig?.[Symbol.asyncDispose]();
    rmSync(base, { recursive: true, force: true });
  });

  const codeOf = async (path: string | undefined, name = 'web-1'): Promise<string | undefined> =>
    (
      (await olga.tryCall('listVmFiles', { name }, path === undefined ? {} : { path })).json as {
        code?: string;
      }
    ).code;

  it('begin where the rights of the caller reach', async () => {
    const { path, entries } = await olga.call('listVmFiles', { name: 'web-1' }, {});
    assert.deepEqual([path, entries.map((entry) => entry.path)], [null, [`${base}/in`, `${base}/named`]]);
    const all = await rig.socket.call('listVmFiles', { name: 'web-1' }, {});
    assert.deepEqual(
      all.entries.map((entry) => entry.path),
      [...new Set([homedir(), '/'])],
      'the home of the agent',
    );
  });

  it('are listed folders first, without what leads out and what is hidden', async () => {
    const list = (client: Pick<WebClient, 'call'>, path: string, hidden: boolean) =>
      client.call('listVmFiles', { name: 'web-1' }, { path, ...(hidden && { hidden }) });
    const { entries, nextCursor, isCut } = await list(olga, `${base}/in`, false);
    assert.deepEqual(
      entries.map(({ name, kind, isLink, path }) => [name, kind, isLink, path]),
      [
        ['sub', 'folder', false, `${base}/in/sub`],
        ['b.txt', 'file', false, `${base}/in/b.txt`],
        ['inside', 'folder', true, `${base}/in/inside`],
      ],
    );
    assert.deepEqual([nextCursor, isCut, entries[1]?.sizeBytes], [null, false, 3]);
    assert.deepEqual(Object.keys(entries[2] ?? {}).sort(), [
      'isLink',
      'kind',
      'mtimeMs',
      'name',
      'path',
      'sizeBytes',
    ]);
    const hidden = await list(olga, `${base}/in/`, true);
    assert.ok(hidden.entries.some(({ name }) => name === '.hidden'));
    const everything = await rig.socket.call('listVmFiles', { name: 'web-1' }, { path: `${base}/in` });
    const names = everything.entries.map(({ name }) => name);
    assert.ok(
      names.includes('out') && !names.includes('dangling'),
      'who may go everywhere sees where links lead',
    );
  });

  it('are out of reach by any spelling, by links that lead out, and on other machines', async () => {
    for (const path of [
      '/',
      base,
      `${base}/in-not`,
      `${base}/secret`,
      `${base}/in/../secret`,
      `${base}/in//sub`,
      `${base}/in/./sub`,
      `${base}/in/out`,
      `${base}/in/out/`,
      'in',
    ])
      assert.equal(await codeOf(path), 'CW_ACCESS_DENIED', path);
    assert.equal(await codeOf(`${base}/in/inside/deep`), undefined);
    assert.equal(await codeOf(`${base}/named`), undefined, 'the folder of a right may be a link itself');
    assert.equal(await codeOf(`${base}/in/missing`), 'CW_DISK_NOT_FOUND');
    assert.equal(await codeOf(`${base}/in/b.txt`), 'CW_DISK_NOT_DIRECTORY');
    assert.equal(await codeOf(`${base}/in`, 'db-1'), 'CW_ACCESS_DENIED');
    assert.equal(await codeOf('/srv', 'db-1'), 'CW_VM_UNKNOWN');
    assert.equal(await codeOf(`${base}/in`, 'web-2'), 'CW_VM_OFFLINE');
    assert.equal(await codeOf(undefined, 'web-2'), 'CW_VM_OFFLINE');
    assert.equal(await codeOf(undefined, 'other'), 'CW_ACCESS_DENIED');
    const admin = await rig.socket.call('listVmFiles', { name: 'web-1' }, { path: `${base}/in/../in` }).then(
      () => null,
      (failure) => failure.code,
    );
    assert.equal(admin, 'CW_DISK_NAME', 'a path has to say what it names');
  });

  it('are not copied through a link that leads out, in either direction, nor sent there', async () => {
    const codeFor = async (name: 'startJob' | 'createUpload', body: object) => {
      const { status, json } = await olga.tryCall(name, {}, body);
      return status === 200 ? 'started' : ((json as { code?: string }).code ?? '');
    };
    const here = { vm: 'web-1', direction: 'out', destination: `${base}/secret/copied/` };
    const out = (source: string) => codeFor('startJob', { ...here, sources: [`${base}/in/b.txt`, source] });
    const upload = { vms: ['web-1'], files: 0, bytes: 0 };
    const into = (destination: string) => codeFor('createUpload', { ...upload, destination });
    for (const path of ['out', 'out/key', 'key', 'loop', 'inside/../out/key'])
      assert.equal(await out(`${base}/in/${path}`), 'CW_ACCESS_DENIED', path);
    for (const path of ['out/new', 'out/', 'out/a/b/c', 'key'])
      assert.equal(await into(`${base}/in/${path}`), 'CW_ACCESS_DENIED', path);
    assert.equal(await out(`${base}/in/inside/deep`), 'started');
    assert.equal(await out(`${base}/named/y`), 'started');
    assert.equal(await into(`${base}/in/new/folder/`), 'started');
    const away = { ...here, vm: 'web-2', sources: [`${base}/in/out/key`] };
    assert.equal(await codeFor('startJob', away), 'started', 'a machine that is away cannot be asked');
  });

  it('are decided on by many paths at once', async () => {
    const sources = Array.from({ length: 600 }, (_, at) => `${base}/in/sub/${at}`);
    const copy = { vm: 'web-1', direction: 'out', destination: `${base}/secret/x/` };
    const { json } = await olga.tryCall('startJob', {}, { ...copy, sources: [...sources, `${base}/in/key`] });
    assert.equal((json as { code?: string }).code, 'CW_ACCESS_DENIED');
    assert.equal((await olga.tryCall('startJob', {}, { ...copy, sources })).status, 200);
  });

  it('are not told by an agent from before, whose paths are compared as text then', async () => {
    const unknown = async () => {
      throw new CausewayError('CW_UNSUPPORTED', 'the other side does not know it');
    };
    await using _ = await addMachine(rig, 'web-3', { folder: unknown, places: unknown });
    assert.equal(await codeOf(`${base}/in`, 'web-3'), 'CW_UNSUPPORTED');
    const copy = { vm: 'web-3', direction: 'out', destination: `${base}/secret/old/` };
    const start = (source: string) => olga.tryCall('startJob', {}, { ...copy, sources: [source] });
    assert.equal((await start(`${base}/in/inside/none`)).status, 200);
    assert.equal((await start(`${base}/secret/key`)).status, 403);
  });

  it('come in pages, which end early where they would be long', async () => {
    const names: string[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const request = { path: `${base}/many`, limit: 1_000, ...(cursor && { cursor }) };
      const page = await rig.socket.call('listVmFiles', { name: 'web-1' }, request);
      names.push(...page.entries.map(({ name }) => name));
      cursor = page.nextCursor ?? undefined;
      pages += 1;
    } while (cursor !== undefined);
    assert.deepEqual([names.length, new Set(names).size, pages], [MANY, MANY, 2]);
  });
});
