import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { utf8 } from '../../base/bytes.ts';
import { parseName } from '../../base/path.ts';
import type { Dir } from '../../world/disk.ts';
import { Sim } from '../../world/sim/sim.ts';
import type { World } from '../../world/world.ts';
import { loadIdentity } from './identity_store.ts';
import { openPairingTokens } from './pairing_file.ts';
import { TrustStore } from './trust_store.ts';

const A = 'a1'.repeat(32);
const B = 'b2'.repeat(32);

/** Runs `body` with a fresh machine's root directory. */
async function onDisk(body: (world: World, dir: Dir) => Promise<void>): Promise<void> {
  const sim = new Sim(1);
  const machine = sim.machine('host', { userId: 0 });
  await sim.run(machine, async (world) => {
    const dir = await world.disk.openRoot('/');
    try {
      await body(world, dir);
    } finally {
      await dir.close();
    }
  });
  assert.deepEqual(sim.leaks(), []);
}

/** Lets `edit` change the bytes of a file. */
async function damage(dir: Dir, name: string, edit: (bytes: Uint8Array) => Uint8Array): Promise<void> {
  const file = await dir.openFile(parseName(name), 'write');
  const { sizeBytes } = await file.stat();
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; ) at += await file.read(bytes.subarray(at), at);
  const edited = edit(bytes);
  await file.truncate(0);
  for (let at = 0; at < edited.byteLength; ) at += await file.write(edited.subarray(at), at);
  await file.close();
}

describe('TrustStore', () => {
  it('keeps what was pinned, by whom and how, over a restart', () =>
    onDisk(async (world, dir) => {
      const store = await TrustStore.open(world, dir, '/data');
      await store.pin({ fingerprint: A, name: 'dev', how: 'token' }, true);
      await store.pinFirst(B, 'serial');
      const again = await TrustStore.open(world, dir, '/data');
      assert.deepEqual(again.list(), store.list());
      assert.equal(again.find(A)?.name, 'dev');
      assert.equal(again.find(B)?.how, 'first-use');
      assert.equal(again.find('c3'.repeat(32)), null);
      assert.equal(await again.unpin('dev'), 1);
      assert.equal(await again.unpin('dev'), 0);
      assert.equal((await TrustStore.open(world, dir, '/data')).find(A), null);
    }));

  it('pins the first key of a name only, also when two come at once', () =>
    onDisk(async (world, dir) => {
      const store = await TrustStore.open(world, dir, '/data');
      const outcomes = await Promise.allSettled([store.pinFirst(A, 'serial'), store.pinFirst(B, 'serial')]);
      assert.equal(outcomes[0].status, 'fulfilled');
      assert.equal((outcomes[1] as PromiseRejectedResult).reason.code, 'CW_PAIR_KEY_CHANGED');
      await store.pinFirst(A, 'serial');
      assert.deepEqual(
        store.byName('serial').map((peer) => peer.fingerprint),
        [A],
      );
    }));

  it('replaces the keys of a name that was paired anew, and only those', () =>
    onDisk(async (world, dir) => {
      const store = await TrustStore.open(world, dir, '/data');
      await store.pin({ fingerprint: A, name: 'dev', how: 'token' }, true);
      await store.pin({ fingerprint: 'c3'.repeat(32), name: 'other', how: 'token' }, true);
      await store.pin({ fingerprint: B, name: 'dev', how: 'token' }, true);
      assert.equal(store.find(A), null);
      assert.deepEqual(
        store.list().map((peer) => peer.name),
        ['other', 'dev'],
      );
    }));

  it('refuses a damaged file and names it: every single flipped bit, an empty file, a cut one', () =>
    onDisk(async (world, dir) => {
      const store = await TrustStore.open(world, dir, '/data');
      await store.pin({ fingerprint: A, name: 'dev', how: 'token' }, true);
      let original = new Uint8Array(0);
      await damage(dir, 'trusted.json', (bytes) => {
        original = bytes.slice();
        return bytes;
      });
      const damaged = { code: 'CW_DAEMON_STATE', message: /\/data\/trusted\.json/ };
      for (const size of [0, 1, original.byteLength >> 1]) {
        await damage(dir, 'trusted.json', () => original.subarray(0, size));
        await assert.rejects(TrustStore.open(world, dir, '/data'), damaged, `${size} bytes`);
      }
      for (let at = 0; at < original.byteLength; at += 1) {
        const changed = original.slice();
        changed[at] = (original[at] as number) ^ (1 << (at % 8));
        await damage(dir, 'trusted.json', () => changed);
        // a bit of the white space between members may flip into other white space: then the content is whole
        const outcome = await TrustStore.open(world, dir, '/data').catch((error) => error);
        if (outcome instanceof TrustStore) assert.deepEqual(outcome.list(), store.list(), `byte ${at}`);
        else assert.equal(outcome.code, 'CW_DAEMON_STATE', `byte ${at}: ${outcome}`);
      }
    }));

  it('is the old or the new one after a power cut at any operation', async () => {
    let cuts = 0;
    for (let operation = 1; ; operation += 1) {
      const sim = new Sim(operation);
      const machine = sim.machine('host', { userId: 0 });
      const first = async (world: World) => {
        const store = await TrustStore.open(world, await world.disk.openRoot('/'), '/data');
        await store.pin({ fingerprint: A, name: 'dev', how: 'token' }, true);
      };
      await sim.run(machine, first);
      let acknowledged = false;
      const second = machine.spawn('second', async (world) => {
        const store = await TrustStore.open(world, await world.disk.openRoot('/'), '/data');
        await store.pin({ fingerprint: B, name: 'new', how: 'token' }, true);
        acknowledged = true;
      });
      sim.killAtOperation(second, operation, 'power');
      await sim.runUntil(() => !second.running);
      let names: string[] = [];
      await sim.run(machine, async (world) => {
        const store = await TrustStore.open(world, await world.disk.openRoot('/'), '/data');
        names = store.list().map((peer) => peer.name);
        await store.pin({ fingerprint: B, name: 'new', how: 'token' }, true); // leftovers do not stand in the way
      });
      assert.ok(['dev', 'dev,new'].includes(names.join()), `operation ${operation}: ${names}`);
      if (acknowledged) assert.equal(names.join(), 'dev,new', `operation ${operation}`);
      if (second.state === 'exited') break;
      cuts += 1;
    }
    assert.ok(cuts >= 8, `only ${cuts} operations were struck`);
  });
});

describe('loadIdentity', () => {
  it('makes a key once, keeps it private, and gives the same one from then on', () =>
    onDisk(async (world, dir) => {
      const identity = await loadIdentity(world, dir, '/data');
      assert.match(identity.fingerprint, /^[0-9a-f]{64}$/);
      assert.equal((await dir.stat(parseName('identity.json'))).mode & 0o777, 0o600);
      assert.deepEqual(await loadIdentity(world, dir, '/data'), identity);
    }));

  it('makes no new key in place of a damaged one, and refuses one that others can read', () =>
    onDisk(async (world, dir) => {
      await loadIdentity(world, dir, '/data');
      await dir.setAttrs(parseName('identity.json'), { mode: 0o640 });
      await assert.rejects(loadIdentity(world, dir, '/data'), {
        code: 'CW_DAEMON_STATE',
        message: /mode 640/,
      });
      await dir.setAttrs(parseName('identity.json'), { mode: 0o600 });
      await damage(dir, 'identity.json', () => utf8('{}'));
      const damaged = { code: 'CW_DAEMON_STATE', message: /\/data\/identity\.json/ };
      await assert.rejects(loadIdentity(world, dir, '/data'), damaged);
    }));
});

describe('openPairingTokens', () => {
  it('keeps tokens over a restart, used ones as used', () =>
    onDisk(async (world, dir) => {
      const tokens = await openPairingTokens(world, dir, '/data');
      const issued = await tokens.issue({ name: 'dev', addresses: ['h:1'], fingerprint: A });
      const again = await openPairingTokens(world, dir, '/data');
      assert.deepEqual(again.list(), [issued.info]);
      assert.equal((await dir.stat(parseName('pairing.json'))).mode & 0o777, 0o600);
    }));
});
