// A tree of many files, by WebDAV, through a mount of a machine and through one of this machine: shared, counted, listed, looked
// at, renamed, removed, and changes of it told. With MILLION=1 one of 100,000 files and then one of 1,000,000: what the processes take of
// memory at most does not grow with the tree.
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { LIMITS } from '../../src/base/limits.ts';
import { LONG_LIVED_FLAGS } from '../../src/world/node/background.ts';
import { listFuseMounts } from '../../src/world/node/fuse_mount.ts';
import { Rig, ROOT, until } from '../interop/rig.ts';
import { skip } from '../mount/rig.ts';
import { send } from './shares_rig.ts';

const IS_LONG = process.env['MILLION'] !== undefined;
const SIZES = IS_LONG ? [100_000, 1_000_000] : [20_000];
const PER_FOLDER = 1_000;
/** Of the most that each process takes, from the first size to the second: a mount that kept what it was asked about would take 600 MiB more. */
const GROWTH_MAX_BYTES = 200 * 2 ** 20;
const DEADLINE_MS = 60_000;
/** Within which all entries of the tree are looked at by who watches it. */
const WATCHED_MS = 600_000;
const CLI = path.join(ROOT, 'src/cli/main.ts');

/** Files without bytes: a tenth of them in one folder, the rest in folders of a thousand. */
function fill(source: string, count: number): string[] {
  const inOne = count / 10;
  const folders = ['one', ...Array.from({ length: (count - inOne) / PER_FOLDER }, (_, at) => `folder-${at}`)];
  for (const folder of folders) {
    fs.mkdirSync(path.join(source, folder));
    const files = folder === 'one' ? inOne : PER_FOLDER;
    for (let at = 0; at < files; at += 1)
      fs.closeSync(fs.openSync(path.join(source, folder, `file-${at}`), 'w'));
  }
  return folders;
}

/** The most memory that a process has taken so far. */
function peakOf(processId: number): number {
  const [, kib] = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${processId}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}

/** How many files a program finds that looks at each. */
async function lookedAt(folder: string): Promise<number> {
  const { stdout } = await promisify(execFile)('find', [folder, '-type', 'f', '-size', '0', '-printf', 'x'], {
    maxBuffer: 2 ** 24,
  });
  return stdout.length;
}

/** A folder of this machine mounted by a process of its own. */
async function mountHere(source: string, mountpoint: string): Promise<ChildProcess> {
  const flags = ['--disable-warning=ExperimentalWarning', ...LONG_LIVED_FLAGS];
  const args = [...flags, CLI, 'mount', '--foreground', '--json'];
  const child = spawn(process.execPath, [...args, source, mountpoint], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  return child;
}

type Dav = (method: string, name: string, headers?: Record<string, string>) => ReturnType<typeof send>;
type Timed = <T>(what: string, work: () => Promise<T>) => Promise<T>;

const timed: Timed = async (what, work) => {
  const since = performance.now();
  const result = await work();
  if (IS_LONG) console.log(`${what}: ${((performance.now() - since) / 1_000).toFixed(1)} s`);
  return result;
};

async function listed(dav: Dav, name: string): Promise<number> {
  const { status, body } = await dav('PROPFIND', `${name}/`);
  assert.equal(status, 207);
  return body.split('<D:response>').length - 2;
}

async function useByDav(dav: Dav, url: string, folders: readonly string[], count: number): Promise<void> {
  await timed('WebDAV lists', async () => {
    let sum = 0;
    for (const folder of folders) sum += await listed(dav, folder);
    assert.equal(sum, count);
  });
  await timed('WebDAV looks', async () => {
    for (const folder of folders) assert.equal((await dav('HEAD', `${folder}/file-7`)).status, 200);
  });
  await timed('WebDAV rename', async () =>
    assert.equal((await dav('MOVE', 'one', { destination: `${url}other` })).status, 201),
  );
}

async function useMount(what: string, place: string, count: number, removed: string): Promise<void> {
  await timed(`${what}: looks at all`, async () => assert.equal(await lookedAt(place), count));
  await timed(`${what}: rename`, () =>
    fs.promises.rename(path.join(place, removed), path.join(place, `${removed}-now`)),
  );
  await timed(`${what}: removal of a folder`, () =>
    fs.promises.rm(path.join(place, `${removed}-now`), { recursive: true }),
  );
}

/** Somebody who reads the changes is told of a new file in that folder, or at once that there are too many entries. */
async function toldOf(rig: Rig, folder: string, count: number): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(WATCHED_MS)]);
  const isTooMuch = count > LIMITS.watchEntriesMax.value;
  try {
    for await (const { kind, path: changed, error } of rig.client.shareEvents('data', null, signal)) {
      if (kind === 'end') return void assert.ok(isTooMuch, JSON.stringify(error));
      if (kind === 'state') fs.writeFileSync(path.join(folder, 'told'), '');
      if (changed === `${path.basename(folder)}/told`) return;
    }
    assert.ok(isTooMuch, 'the changes ended');
  } finally {
    over.abort();
  }
}

/** What each process takes at most, by its name. */
type Peaks = Readonly<Record<'daemon' | 'agent' | 'mount', number>>;

async function useTree(parent: string, count: number): Promise<Peaks> {
  const [source, here] = [path.join(parent, 'data'), path.join(parent, 'here')];
  for (const folder of [source, here]) fs.mkdirSync(folder);
  const folders = await timed(`${count} files are made`, async () => fill(source, count));
  await using rig = await Rig.start();
  await rig.waitUp();
  const place = path.join(rig.guestFiles, 'place');
  const words = [
    'share',
    'create',
    source,
    '--as-root',
    '--i-know',
    '--quota',
    '100G',
    '--mount',
    `vm:${place}`,
    '--json',
  ];
  const { code, out, err } = await timed('the share is made, counted and mounted', () => rig.cli(...words));
  assert.equal(code, 0, out + err);
  const { share, password } = JSON.parse(out);
  const dav: Dav = (method, name, headers = {}) =>
    send(`${share.url}${name}`, method, 'data', password, '', headers);
  await useByDav(dav, share.url, folders, count);
  await useMount('mount of the machine', place, count, 'folder-0');
  const mount = await mountHere(source, here);
  try {
    await useMount('mount', here, count - PER_FOLDER, 'folder-1');
    const remove = async (some: readonly string[]) => {
      for (const folder of some) assert.equal((await dav('DELETE', folder)).status, 204, folder);
    };
    const half = folders.length / 2;
    await timed('WebDAV removal of the first half', () => remove(['other', ...folders.slice(3, half)]));
    const peaks = {
      daemon: peakOf(rig.daemon.pid),
      agent: peakOf(rig.agent.pid),
      mount: peakOf(mount.pid!),
    };
    if (IS_LONG) console.log(`${count} files, the most memory in MiB:`, inMib(peaks));
    // who reads the changes has the names of all entries in memory: that grows with the tree
    await timed('a change is told', () => toldOf(rig, path.join(source, folders.at(-1)!), count / 2));
    await timed('WebDAV removal of the rest', () => remove(folders.slice(half)));
    assert.deepEqual(
      fs.readdirSync(source).filter((name) => name !== '.causeway'),
      [],
    );
    await until('all is gone there too', DEADLINE_MS, async () =>
      (await fs.promises.readdir(place)).length > 0 ? null : true,
    );
    return peaks;
  } finally {
    mount.kill('SIGTERM');
    await once(mount, 'exit');
    await rig.client.call('removeShare', { name: 'data' });
    const isMounted = () => listFuseMounts().some(({ mountpoint }) => mountpoint === place);
    await until('it is unmounted', DEADLINE_MS, () => (isMounted() ? null : true));
  }
}

function inMib(peaks: Peaks): string {
  return Object.entries(peaks)
    .map(([name, bytes]) => `${name} ${Math.round(bytes / 2 ** 20)}`)
    .join(', ');
}

describe('a tree of many files', { skip }, () => {
  it(`is served in all its ways: ${SIZES.join(' and ')} files`, { timeout: 3_600_000 }, async () => {
    const peaks: Peaks[] = [];
    for (const count of SIZES) {
      // a million files take about a GiB of a file system in memory
      const base = IS_LONG && fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
      const parent = fs.mkdtempSync(path.join(base, 'cw-million-'));
      try {
        peaks.push(await useTree(parent, count));
      } finally {
        fs.rmSync(parent, { recursive: true, force: true });
      }
    }
    const [small, large] = peaks;
    if (small === undefined || large === undefined) return;
    for (const name of ['daemon', 'agent', 'mount'] as const)
      assert.ok(large[name] - small[name] < GROWTH_MAX_BYTES, `${name}: ${inMib(small)}; ${inMib(large)}`);
  });
});
