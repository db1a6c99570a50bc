// `causeway mount VM:/FOLDER PLACE --cache-size` with a daemon and an agent in processes of their own, over TLS. SEED=N
// repeats the random operations, CACHE_OPS=N makes them longer, CACHE_FLIPS=N damages so many places (1,000 in the long
// form), CACHE_LINK_MS=5 measures reads over a link with so much delay, beside the same mount without a cache.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { CacheView } from '../../src/contract/mount_schemas.ts';
import { chanceOf } from './chance.ts';
import { DelayProxy } from './delay_proxy.ts';
import { type FarRig, startFarMount } from './far_rig.ts';
import { skip, until } from './rig.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const OPERATIONS = Number(process.env['CACHE_OPS'] ?? 60);
const FLIPS = Number(process.env['CACHE_FLIPS'] ?? 40);
const LINK_MS = Number(process.env['CACHE_LINK_MS'] ?? 0);
const MIB = 1024 * 1024;
/** The kernel believes nothing by itself, and nothing is in memory: what is wrong is the doing of what lies on the disk. */
const CACHE = { cacheBytes: 256 * MIB, cacheMs: 0, cacheMemoryBytes: 0 };

const randomBytes = (sizeBytes: number, seed: number) => {
  const chance = chanceOf(seed);
  return Buffer.from(Uint32Array.from({ length: sizeBytes / 4 }, () => chance(2 ** 32)).buffer);
};

/** What lies in the folder at first. */
const CONTENTS = new Map([
  ['twice', randomBytes(3 * MIB, SEED)],
  ['damaged', randomBytes(4 * MIB, SEED + 1)],
  ['changed', randomBytes(MIB, SEED + 2)],
  ['a', randomBytes(400_000, SEED + 3)],
  ['b', randomBytes(300_000, SEED + 4)],
]);

describe(`a mount of a machine with a cache, SEED=${SEED}`, { skip }, () => {
  let far: FarRig;
  const here = (name: string) => path.join(far.mountpoint, name);
  const there = (name: string) => path.join(far.source, name);
  const isRight = async (name: string, content: Buffer, why = '') =>
    assert.ok((await files.readFile(here(name))).equals(content), `${name} ${why}, SEED=${SEED}`);

  before(async () => {
    far = await startFarMount(CACHE);
    for (const [name, content] of CONTENTS) fs.writeFileSync(there(name), content);
    await settle(far.source);
  });
  after(() => far[Symbol.asyncDispose]());

  it('reads a file a second time without the machine', async () => {
    const bytes = CONTENTS.get('twice') as Buffer;
    await isRight('twice', bytes);
    const first = await cacheOf(far);
    assert.equal(first.bytesFetched, bytes.byteLength);
    await isRight('twice', bytes);
    const second = await cacheOf(far);
    assert.equal(second.bytesFetched, first.bytesFetched, 'nothing was read from the machine');
    assert.equal(second.passed, first.passed);
    assert.ok(second.bytesFromCache - first.bytesFromCache >= bytes.byteLength);
    const { out } = await far.rig.cli('cache', 'status');
    assert.match(out, /write-through +on/);
    const { mounts } = JSON.parse((await far.rig.cli('--json', 'cache', 'status')).out);
    assert.equal(mounts[0].mountpoint, far.mountpoint);
  });

  it('reads what was changed over there, at the next open and soon where it is open', async () => {
    const [one, two] = [randomBytes(MIB, 1), randomBytes(MIB, 2)];
    await isRight('changed', CONTENTS.get('changed') as Buffer);
    const old = fs.statSync(there('changed'));
    fs.writeFileSync(there('changed'), one);
    fs.utimesSync(there('changed'), old.atime, old.mtime);
    await isRight('changed', one, 'with its old time');
    await using open = await files.open(here('changed'));
    await open.read(Buffer.alloc(4_096), 0, 4_096, 0);
    fs.writeFileSync(there('changed'), two);
    const deadline = performance.now() + 10_000;
    const got = Buffer.alloc(MIB);
    do await open.read(got, 0, MIB, 0);
    while (!got.equals(two) && performance.now() < deadline);
    assert.ok(got.equals(two), 'what is open shows the change');
  });

  it('leaves what random reads and changes from both sides must leave', async () => {
    const chance = chanceOf(SEED);
    const model = new Map(['a', 'b'].map((name) => [name, CONTENTS.get(name) as Buffer]));
    for (let done = 0; done < OPERATIONS; done += 1) {
      const name = chance(2) === 0 ? 'a' : 'b';
      const content = model.get(name) as Buffer;
      await isRight(name, content, `before operation ${done}`);
      if (chance(4) > 0) continue;
      const at = chance(3) > 0 ? here(name) : there(name);
      if (chance(3) === 0) {
        await files.copyFile(there(name), `${at}.new`);
        await files.rename(`${at}.new`, at);
      }
      model.set(name, await changed(at, content, chance, done));
    }
    for (const [name, content] of model) await isRight(name, content, 'at the end');
  });

  it('finds all that is changed in its files, reads it again from the machine, and says so', async () => {
    const bytes = CONTENTS.get('damaged') as Buffer;
    await isRight('damaged', bytes);
    const host = path.join(far.rig.folder, 'host');
    const kept = fs.readdirSync(host).find((name) => name.startsWith('causeway-cache-')) as string;
    const blocks = path.join(host, kept, 'blocks');
    await until('it is written', () => fs.statSync(blocks).size >= bytes.byteLength + 3 * MIB);
    const chance = chanceOf(SEED);
    assert.ok(
      !fs.readFileSync(blocks).includes(bytes.subarray(MIB, MIB + 64)),
      'nothing stands there as it is',
    );
    await using file = await files.open(blocks, 'r+');
    const { size } = await file.stat();
    for (let done = 0; done < FLIPS; done += 1) {
      const [at, byte] = [chance(size), Buffer.alloc(1)];
      await file.read(byte, 0, 1, at);
      await file.write(Buffer.of((byte[0] as number) ^ (1 << chance(8))), 0, 1, at);
      if (done % 20 === 19) await isRight('damaged', bytes, `after ${done} damages`);
    }
    await isRight('damaged', bytes, 'at the end');
    await isRight('twice', CONTENTS.get('twice') as Buffer, 'at the end');
    assert.ok((await cacheOf(far)).damaged > 0);
  });

  it('is warm after the daemon was killed, and gone once it is not mounted any more', async () => {
    await far.rig.daemon.kill();
    far.rig.startDaemon();
    await far.rig.daemon.ready;
    const bytes = CONTENTS.get('twice') as Buffer;
    await until('it is mounted again', () => fs.existsSync(here('twice')));
    await isRight('twice', bytes);
    assert.ok((await cacheOf(far)).bytesFromCache >= bytes.byteLength / 2);
    await far.rig.client.call('removeMount', {}, { mountpoint: far.mountpoint });
    const host = path.join(far.rig.folder, 'host');
    assert.deepEqual(
      fs.readdirSync(host).filter((name) => name.startsWith('causeway-cache-')),
      [],
    );
    assert.ok(!fs.readFileSync(path.join(host, 'cache-keys.json'), 'utf8').includes('"id"'));
  });
});

const measures = () => {
  it('takes as long as it tells: the first time and again, without a cache and with one', async (test) => {
    const between = async (port: number) => (await DelayProxy.start(port, LINK_MS)).port;
    const secondsOf = async (cache: object) => {
      await using far = await startFarMount({ ...cache, cacheMs: 1_000 }, { between });
      const bytes = randomBytes(64 * MIB, SEED);
      for (const name of ['one', 'two']) fs.writeFileSync(path.join(far.source, name), bytes);
      await settle(far.source);
      const read = async () => {
        const start = performance.now();
        for (const name of ['one', 'two'])
          assert.ok((await files.readFile(path.join(far.mountpoint, name))).equals(bytes));
        return (performance.now() - start) / 1_000;
      };
      return [await read(), await read(), await read()];
    };
    const [without, withCache] = [await secondsOf({}), await secondsOf({ cacheBytes: 256 * MIB })];
    test.diagnostic(`128 MiB at ${LINK_MS} ms each way, without a cache: ${without.join(', ')} s`);
    test.diagnostic(`with: ${withCache.join(', ')} s`);
  });
};
if (LINK_MS > 0) describe('reading over a link with a delay', { skip }, measures);

/** Changes a file at random; what it is to hold then. */
async function changed(
  at: string,
  content: Buffer,
  chance: (below: number) => number,
  number: number,
): Promise<Buffer> {
  if (chance(4) === 0) {
    await files.truncate(at, 200_000);
    const cut = Buffer.alloc(200_000);
    content.copy(cut);
    return cut;
  }
  const piece = Buffer.alloc(1 + chance(50_000), `${number} `);
  const offset = chance(content.byteLength);
  await using file = await files.open(at, 'r+');
  await file.write(piece, 0, piece.byteLength, offset);
  const grown = Buffer.alloc(Math.max(content.byteLength, offset + piece.byteLength));
  content.copy(grown);
  piece.copy(grown, offset);
  return grown;
}

/** The cache of the one mount. */
async function cacheOf(far: FarRig): Promise<CacheView> {
  const [mount] = await far.rig.client.call('listMounts', {});
  assert.ok(mount?.cache, 'the mount has a cache');
  return mount.cache;
}

/** Waits until a further change of what is in the folder gets another time for sure. */
async function settle(source: string): Promise<void> {
  const changedMs = Math.max(
    ...fs.readdirSync(source).map((name) => fs.statSync(path.join(source, name)).ctimeMs),
  );
  await until('the last change is old enough', () => Date.now() - changedMs > 2_200);
}
