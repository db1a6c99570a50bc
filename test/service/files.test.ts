import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DaemonRig, PASSWORD } from './rig.ts';
import type { WebClient } from './web_client.ts';

describe('files of the host', () => {
  let rig: DaemonRig;
  let base = '';
  let operator: WebClient;

  before(async () => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'causeway-files-')));
    for (const folder of ['in', 'in/sub', 'in/sub/deep', 'in-not', 'secret', 'real'])
      mkdirSync(join(base, folder));
    for (const file of ['in/b.txt', 'in/a.txt', 'in/.hidden', 'secret/key', 'in-not/x', 'real/y'])
      writeFileSync(join(base, file), 'xyz');
    symlinkSync('../secret', join(base, 'in/out'));
    symlinkSync('../secret/key', join(base, 'in/key'));
    symlinkSync('/nowhere', join(base, 'in/dangling'));
    symlinkSync('sub', join(base, 'in/inside'));
    symlinkSync('loop', join(base, 'in/loop'));
    symlinkSync('real', join(base, 'named'));
    rig = await DaemonRig.start();
    await rig.ann();
    const scopes = ['vm:web-1', `host:${base}/in`, `host:${base}/named`];
    await rig.addUser('olga', [{ role: 'operator', scopes }]);
    operator = rig.client();
    await operator.logIn('olga', PASSWORD);
    await rig.socket.call('addVm', {}, { name: 'web-1', endpoint: { kind: 'listen' } });
  });
  after(async () => {
    await rig?.[Symbol.asyncDispose]();
    rmSync(base, { recursive: true, force: true });
  });

  const codeOf = async (path: string): Promise<string | undefined> =>
    ((await operator.tryCall('listFiles', {}, { path })).json as { code?: string }).code;

  it('begin where the rights of the caller reach', async () => {
    const { path, entries } = await operator.call('listFiles', {}, {});
    assert.equal(path, null);
    assert.deepEqual(
      entries.map((entry) => entry.path),
      [`${base}/in`, `${base}/named`],
    );
    const all = await rig.socket.call('listFiles', {}, {});
    assert.equal(all.entries.at(-1)?.path, '/');
  });

  it('are listed folders first, without what leads out and what is hidden', async () => {
    const { entries, nextCursor, isCut } = await operator.call('listFiles', {}, { path: `${base}/in` });
    assert.deepEqual(
      entries.map(({ name, kind, isLink }) => `${kind} ${name}${isLink ? ' link' : ''}`),
      ['folder sub', 'file a.txt', 'file b.txt', 'folder inside link'],
    );
    assert.deepEqual([nextCursor, isCut], [null, false]);
    assert.equal(entries[1]?.sizeBytes, 3);
    const hidden = await operator.call('listFiles', {}, { path: `${base}/in`, hidden: true });
    assert.ok(hidden.entries.some(({ name }) => name === '.hidden'));
    const admin = await rig.socket.call('listFiles', {}, { path: `${base}/in` });
    assert.ok(
      admin.entries.some(({ name }) => name === 'out'),
      'who may go everywhere sees all links',
    );
    assert.ok(admin.entries.every(({ name }) => name !== 'dangling'));
  });

  it('come in pages', async () => {
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await operator.call(
        'listFiles',
        {},
        { path: `${base}/in`, limit: 1, ...(cursor && { cursor }) },
      );
      assert.ok(page.entries.length <= 1);
      names.push(...page.entries.map(({ name }) => name));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    assert.deepEqual(names, ['sub', 'a.txt', 'b.txt', 'inside']);
  });

  it('are out of reach by any spelling and by links that lead out', async () => {
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
    assert.equal(await codeOf(`${base}/in/a.txt`), 'CW_DISK_NOT_DIRECTORY');
  });

  it('are not copied through a link that leads out, in either direction', async () => {
    const start = async (body: object): Promise<string> => {
      const { status, json } = await operator.tryCall('startJob', {}, { vm: 'web-1', ...body });
      return status === 200 ? 'started' : ((json as { code?: string }).code ?? '');
    };
    const into = (source: string) => start({ direction: 'in', sources: [source], destination: '/x' });
    const out = (destination: string) => start({ direction: 'out', sources: ['/x'], destination });
    for (const path of ['out', 'out/', 'out/key', 'key', 'inside/../out/key', 'loop'])
      assert.equal(await into(`${base}/in/${path}`), 'CW_ACCESS_DENIED', path);
    for (const path of ['out/new', 'out/', 'out/a/b/c'])
      assert.equal(await out(`${base}/in/${path}`), 'CW_ACCESS_DENIED', path);
    assert.equal(await into(`${base}/in/inside/deep`), 'started');
    assert.equal(await into(`${base}/named/y`), 'started');
    assert.equal(await out(`${base}/in/new/folder/`), 'started');
  });
});
