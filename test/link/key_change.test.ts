import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { AgentKeys } from '../../src/guest/keys/agent_keys.ts';
import { storedHostPins } from '../../src/guest/keys/host_pins.ts';
import { checkKeyChange, proveKeyChange } from '../../src/link/session/key_change.ts';
import { OwnKeys } from '../../src/link/session/own_keys.ts';
import { TrustStore } from '../../src/link/session/trust_store.ts';
import type { CborMap } from '../../src/wire/cbor_value.ts';
import { signedKeyChange } from '../../src/wire/key_change.ts';
import type { Dir } from '../../src/world/disk.ts';
import type { TlsIdentity } from '../../src/world/net.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';

const SIGNAL = new AbortController().signal;
const PROOF = { code: 'CW_PAIR_PROOF' };

/** An agent that knows one host, and this test as whoever speaks to it. */
describe('a change of key that is forged', () => {
  const world = createNodeWorld();
  let folder = '';
  let dir: Dir;
  let own: OwnKeys;
  let store: TrustStore;
  let host: TlsIdentity;
  let next: TlsIdentity;
  let proven: string | null = null;
  let call: (method: string, params?: CborMap) => Promise<CborMap>;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-keys-'));
    dir = await world.disk.openRoot(folder);
    own = await OwnKeys.open(world, dir, folder);
    store = await TrustStore.open(world, dir, folder);
    host = await world.identities.create('host');
    next = await world.identities.create('host');
    await store.pinFirst(host.fingerprint, 'host');
    proven = host.fingerprint;
    const methods = new AgentKeys({ world, keys: own, pins: storedHostPins(store) }).methods(() => proven);
    call = async (method, params = {}) => (await methods[method]!(params, SIGNAL)) as CborMap;
  });
  after(async () => {
    await dir.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const asked = async () => (await call('hostKeyAsk'))['nonce'] as Uint8Array;
  const about = (nonce: Uint8Array) => ({ owner: 'host', peer: own.current.fingerprint, nonce }) as const;
  const trusted = () => store.list().map(({ fingerprint }) => fingerprint);

  async function refused(forge: (nonce: Uint8Array) => CborMap | Promise<CborMap>): Promise<void> {
    const told = await forge(await asked());
    await assert.rejects(call('hostKeyTake', told), PROOF);
    assert.deepEqual(trusted(), [host.fingerprint]);
  }

  it('is refused: signed by another key, for another agent, another question, another owner, or by one key only', async () => {
    const stranger = await world.identities.create('stranger');
    const keys = { from: host, to: next };
    const prove = (more: object, nonce: Uint8Array, pair = keys) =>
      proveKeyChange(world.identities, pair, { ...about(nonce), ...more });
    await refused((nonce) => prove({}, nonce, { from: stranger, to: next }));
    await refused((nonce) => ({
      ...prove({}, nonce, { from: stranger, to: next }),
      formerCertificate: host.certificatePem,
    }));
    await refused((nonce) => prove({ peer: stranger.fingerprint }, nonce));
    await refused((nonce) => prove({ nonce: new Uint8Array(16) }, nonce));
    await refused((nonce) => prove({ owner: 'agent' }, nonce));
    await refused((nonce) => ({ ...prove({}, nonce), signature: new Uint8Array(64) }));
    await refused((nonce) => ({ ...prove({}, nonce), fingerprint: stranger.fingerprint }));
    await refused((nonce) => ({ ...prove({}, nonce), certificate: stranger.certificatePem }));
    await refused((nonce) => prove({}, nonce, { from: host, to: host }));
    for (const name of ['signature', 'formerSignature'] as const) {
      const whole = await asked();
      const told = prove({}, whole);
      const bytes = (told[name] as Uint8Array).slice();
      bytes[7] = (bytes[7] as number) ^ 1;
      await assert.rejects(call('hostKeyTake', { ...told, [name]: bytes }), PROOF);
    }
  });

  it('is refused where it was not asked for, or comes a second time; the right one is taken once', async () => {
    const unasked = proveKeyChange(world.identities, { from: host, to: next }, about(new Uint8Array(16)));
    await assert.rejects(call('hostKeyTake', unasked), PROOF);
    const told = proveKeyChange(world.identities, { from: host, to: next }, about(await asked()));
    await call('hostKeyTake', told);
    assert.deepEqual(trusted().toSorted(), [host.fingerprint, next.fingerprint].toSorted());
    await assert.rejects(call('hostKeyTake', told), PROOF);
    await asked();
    await assert.rejects(call('hostKeyTake', told), PROOF, 'it answers an earlier question');
    await store.seen(next.fingerprint);
    assert.deepEqual(trusted(), [next.fingerprint]);
    proven = next.fingerprint;
    await asked();
    await assert.rejects(call('hostKeyTake', told), PROOF, 'back to the former key');
  });

  it('is not begun for a host without keys, nor for one of several', async () => {
    const nonce = world.random.bytes(16);
    const [before, key] = [proven, own.current.fingerprint];
    proven = null;
    for (const method of ['agentKeyMake', 'agentKeyUse', 'hostKeyAsk', 'hostKeyTake'])
      await assert.rejects(call(method, { nonce }), { code: 'CW_PAIR_FIXED' });
    proven = before;
    await store.pin({ fingerprint: 'ab'.repeat(32), name: 'other', how: 'token' }, false);
    await assert.rejects(call('agentKeyMake', { nonce }), { code: 'CW_PAIR_FIXED' });
    await store.unpin('other');
    assert.equal(own.current.fingerprint, key);
  });

  it('of an agent proves both keys, is used when that is said, and names no key that was not made', async () => {
    const nonce = world.random.bytes(16);
    const from = own.current.fingerprint;
    const told = await call('agentKeyMake', { nonce });
    const expected = { owner: 'agent', from, peer: proven!, nonce } as const;
    const to = checkKeyChange(world.identities, told, expected);
    for (const wrong of [{ nonce: new Uint8Array(16) }, { from: to }, { peer: host.fingerprint }])
      assert.throws(() => checkKeyChange(world.identities, told, { ...expected, ...wrong }), PROOF);
    assert.equal(own.current.fingerprint, from, 'it is not used yet');
    assert.deepEqual(await call('agentKeyUse', { fingerprint: 'ab'.repeat(32) }), { isUsed: false });
    assert.deepEqual(await call('agentKeyUse', { fingerprint: to }), { isUsed: true });
    assert.deepEqual(await call('agentKeyUse', { fingerprint: to }), { isUsed: true }, 'asked again');
    assert.equal((await OwnKeys.open(world, dir, folder)).current.fingerprint, to);
  });
});

describe('the keys of a host', () => {
  it('are kept beside the new one for a while, and no more of them than there may be', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-keys-'));
    const real = createNodeWorld();
    let aheadMs = 0;
    const clock = { ...real.clock, wallMs: () => real.clock.wallMs() + aheadMs };
    const world = { ...real, clock };
    const dir = await world.disk.openRoot(folder);
    const keys = await OwnKeys.open(world, dir, folder);
    const first = keys.current.fingerprint;
    await keys.rotate();
    const second = keys.current.fingerprint;
    assert.notEqual(second, first);
    assert.equal(keys.of(first).fingerprint, first);
    assert.equal(keys.deviceId, first);
    for (let more = 2; more <= LIMITS.formerKeysMax.value; more += 1) await keys.rotate();
    await assert.rejects(keys.rotate(), { code: 'CW_LIMIT' });
    const again = await OwnKeys.open(world, dir, folder);
    assert.deepEqual(again.current, keys.current);
    assert.equal(again.deviceId, first);
    assert.equal(again.of(second).fingerprint, second);
    aheadMs = LIMITS.formerKeyMs.value + 1;
    assert.deepEqual(again.former, []);
    assert.equal(again.of(first).fingerprint, again.current.fingerprint, 'it is shown no more');
    await again.rotate();
    assert.equal((await OwnKeys.open(world, dir, folder)).former.length, 1, 'what has run out is not kept');
    await dir.close();
    rmSync(folder, { recursive: true, force: true });
  });
});

it('what is signed for a change of key is as it is written down', () => {
  const change = {
    owner: 'agent',
    from: '11'.repeat(32),
    to: '22'.repeat(32),
    peer: '33'.repeat(32),
    nonce: new Uint8Array(16).fill(4),
  } as const;
  const [label, body] = [signedKeyChange(change).subarray(0, 22), signedKeyChange(change).subarray(22)];
  assert.equal(Buffer.from(label).toString(), 'causeway key change 1\n');
  const expected = `a562746f5820${'22'.repeat(32)}6466726f6d5820${'11'.repeat(32)}6470656572${'5820'}${'33'.repeat(32)}656e6f6e636550${'04'.repeat(16)}656f776e6572656167656e74`;
  assert.equal(Buffer.from(body).toString('hex'), expected);
});
