// A tree of many files, by WebDAV and through a mount: listed, looked at, renamed, removed, by a daemon whose memory does not
// grow with it. TREE=1000000 is the long form.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, until } from '../interop/rig.ts';
import { skip } from '../mount/rig.ts';
import { send } from './shares_rig.ts';

const FILES = Number(process.env['TREE'] ?? 2_000);
const IN_ONE = FILES / 10;
const PER_FOLDER = FILES >= 100_000 ? 1_000 : 100;
const FOLDERS = (FILES - IN_ONE) / PER_FOLDER;
/** More than that is not what a list of a folder needs. */
const GROWTH_MAX_BYTES = 150 * 2 ** 20;
const DEADLINE_MS = 60_000;

function fill(folder: string, count: number): void {
  fs.mkdirSync(folder);
  for (let index = 0; index < count; index += 1)
    fs.writeFileSync(path.join(folder, `file-${index}`), index % 2 === 0 ? '' : `content of ${index}`);
}

function memoryOf(processId: number): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${processId}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}

type Timed = <T>(what: string, work: () => Promise<T>) => Promise<T>;
type Dav = (method: string, name: string, headers?: Record<string, string>) => ReturnType<typeof send>;

async function listed(dav: Dav, name: string): Promise<number> {
  const { status, body } = await dav('PROPFIND', `${name}/`);
  assert.equal(status, 207);
  return body.split('<D:response>').length - 2;
}

async function useByDav(dav: Dav, url: string, timed: Timed): Promise<void> {
  await timed('WebDAV list of one', async () => assert.equal(await listed(dav, 'one'), IN_ONE));
  await timed('WebDAV lists of folders', async () => {
    for (let index = 0; index < FOLDERS; index += 1)
      assert.equal(await listed(dav, `folder-${index}`), PER_FOLDER);
  });
  await timed('WebDAV looks', async () => {
    for (let index = 0; index < 100; index += 1)
      assert.equal((await dav('HEAD', `one/file-${index}`)).status, 200);
  });
  await timed('WebDAV rename', async () =>
    assert.equal((await dav('MOVE', 'one', { destination: `${url}other` })).status, 201),
  );
}

async function useMount(place: string, timed: Timed): Promise<void> {
  const at = (name: string) => path.join(place, name);
  await timed('mount list', async () => {
    assert.equal((await fs.promises.readdir(at('other'))).length, IN_ONE);
  });
  await timed('mount looks', async () => {
    for (let index = 0; index < FOLDERS; index += 1) {
      const names = await fs.promises.readdir(at(`folder-${index}`));
      assert.equal(names.length, PER_FOLDER);
      await fs.promises.stat(at(`folder-${index}/${names[0]}`));
    }
  });
  await timed('mount rename', () => fs.promises.rename(at('folder-0'), at('renamed')));
  await timed('mount removal', () => fs.promises.rm(at('renamed'), { recursive: true }));
}

async function removeByDav(dav: Dav, timed: Timed): Promise<void> {
  await timed('WebDAV removal of one', async () => assert.equal((await dav('DELETE', 'other')).status, 204));
  await timed('WebDAV removal of folders', async () => {
    for (let index = 1; index < FOLDERS; index += 1)
      assert.equal((await dav('DELETE', `folder-${index}`)).status, 204);
  });
}

describe('a tree of many files', { skip }, () => {
  it(`is listed, looked at, renamed and removed: ${FILES} files`, { timeout: 3_600_000 }, async () => {
    await using rig = await Rig.start();
    await rig.waitUp();
    const [source, place] = [path.join(rig.hostFiles, 'data'), path.join(rig.guestFiles, 'place')];
    fs.mkdirSync(source);
    const words = ['share', 'create', source, '--as-root', '--mount', `vm:${place}`, '--json'];
    const { code, out, err } = await rig.cli(...words);
    assert.equal(code, 0, err);
    const { share, password } = JSON.parse(out);
    for (let index = 0; index < FOLDERS; index += 1) fill(path.join(source, `folder-${index}`), PER_FOLDER);
    fill(path.join(source, 'one'), IN_ONE);

    const dav: Dav = (method, name, headers = {}) =>
      send(`${share.url}${name}`, method, 'data', password, '', headers);
    const timed: Timed = async (what, work) => {
      const since = performance.now();
      const result = await work();
      const tookS = ((performance.now() - since) / 1_000).toFixed(1);
      const memory = Math.round(memoryOf(rig.daemon.pid) / 2 ** 20);
      if (process.env['TREE'] !== undefined) console.log(`${what}: ${tookS} s, daemon ${memory} MiB`);
      return result;
    };
    await listed(dav, 'folder-0'); // everything was used once
    fs.readdirSync(path.join(place, 'folder-0'));
    const before = memoryOf(rig.daemon.pid);
    await useByDav(dav, share.url, timed);
    await useMount(place, timed);
    assert.equal(fs.existsSync(path.join(source, 'folder-0')), false);
    await removeByDav(dav, timed);
    assert.deepEqual(
      fs.readdirSync(source).filter((name) => name !== '.causeway'),
      [],
    );
    const growth = memoryOf(rig.daemon.pid) - before;
    // a short form would measure the threads that it starts
    assert.ok(
      FILES < 100_000 || growth < GROWTH_MAX_BYTES,
      `the daemon takes ${growth} bytes more than before`,
    );
    await rig.client.call('removeShare', { name: 'data' });
    const isMounted = () => listFuseMounts().some(({ mountpoint }) => mountpoint === place);
    await until('it is unmounted', DEADLINE_MS, () => (isMounted() ? null : true));
  });
});
