import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '../../scripts/bundle.ts';
import { toHex } from '../../src/base/bytes.ts';
import { hashBytes } from '../../src/base/hash.ts';
import { dialLink } from '../../src/link/dial.ts';
import type { Link } from '../../src/link/link.ts';
import { callRpc } from '../../src/link/rpc.ts';
import { type AgentOffer, encodeAgentOffer, signedPartOf } from '../../src/wire/agent_offer.ts';
import type { CborMap } from '../../src/wire/cbor_value.ts';
import type { TlsIdentity } from '../../src/world/net.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { Served, until } from './rig.ts';

const HANGS = `if (!process.argv.includes('--version')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
const PIECE_BYTES = 512 * 1024;

/** An agent of its own, and this process as its host. */
describe('an agent that is offered a build', { timeout: 200_000 }, () => {
  const world = createNodeWorld();
  let folder = '';
  let text = '';
  let identity: TlsIdentity;
  let agent: Served;
  let link: Link;
  const signal = AbortSignal.timeout(180_000);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-offer-'));
    await bundle('src/guest/main.ts', join(folder, 'agent.mjs'));
    text = readFileSync(join(folder, 'agent.mjs'), 'utf8');
    mkdirSync(join(folder, 'data'));
    identity = await world.identities.create('host');
    startAgent();
    link = dialLink(world, {
      channel: { kind: 'unix', path: join(folder, 'sock') },
      trust: { kind: 'first-use', fingerprint: null, onPinned: async () => undefined },
      identity,
      buildId: 'test',
      incarnation: world.random.bytes(16),
    });
  });
  after(async () => {
    await link?.close();
    await agent?.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  function startAgent(): void {
    const place = ['--data', join(folder, 'data'), '--unix', join(folder, 'sock')];
    agent = new Served(join(folder, 'agent.mjs'), ['run', ...place, '--trial-seconds', '60']);
  }

  async function call(method: string, params: CborMap = {}): Promise<CborMap> {
    return callRpc(await link.ready(signal), method, params, signal);
  }

  /** What runs once nothing is tried any more. */
  function settled(): Promise<string> {
    return until('the agent has decided', 30_000, async () => {
      const status = await call('agentStatus').catch(() => null); // it is being started
      return status === null || status['isOnTrial'] === true ? null : String(status['buildId']);
    });
  }

  let builds = 0;
  function build(first = ''): Uint8Array {
    builds += 1;
    const cut = text.indexOf('\n') + 1;
    return Buffer.from(`${text.slice(0, cut)}/* build ${builds} */ ${first}\n${text.slice(cut)}`);
  }

  async function offerOf(module: Uint8Array, change: Partial<AgentOffer> = {}): Promise<AgentOffer> {
    const hash = hashBytes(module);
    return {
      buildId: `0.1.0-${toHex(hash).slice(0, 16)}`,
      version: '0.1.0',
      sizeBytes: module.byteLength,
      hash,
      platform: `linux-${process.arch}`,
      nodeMajor: 26,
      agent: (await link.ready(signal)).stats.peer.fingerprint ?? '',
      allowDowngrade: false,
      ...change,
    };
  }

  function signedBy(signer: TlsIdentity, offer: AgentOffer): CborMap {
    const encoded = encodeAgentOffer(offer);
    const signature = world.identities.sign(signer, signedPartOf(encoded));
    return { offer: encoded, signature, certificate: signer.certificatePem };
  }

  async function send(module: Uint8Array, offer?: AgentOffer): Promise<string> {
    const described = offer ?? (await offerOf(module));
    await call('agentOffer', signedBy(identity, described));
    for (let offset = 0; offset < module.byteLength; offset += PIECE_BYTES)
      await call('agentPiece', { offset, bytes: module.subarray(offset, offset + PIECE_BYTES) });
    return described.buildId;
  }

  const kept = () => readdirSync(join(folder, 'data', 'agent-builds'));

  it('takes none that is signed by somebody else, for another agent, or not at all', async () => {
    const offer = await offerOf(build());
    const stranger = await world.identities.create('stranger');
    const good = signedBy(identity, offer);
    const flipped = Buffer.from(good['signature'] as Uint8Array);
    flipped[9] = (flipped[9] ?? 0) ^ 1;
    const other = signedBy(identity, await offerOf(build(), { allowDowngrade: true }));
    for (const wrong of [
      signedBy(stranger, offer),
      { ...signedBy(stranger, offer), certificate: identity.certificatePem },
      { ...good, certificate: 'no certificate' },
      { ...good, signature: flipped },
      { ...good, offer: other['offer'] },
      signedBy(identity, { ...offer, agent: '00'.repeat(32) }),
    ])
      await assert.rejects(call('agentOffer', wrong as CborMap), { code: 'CW_AGENT_SIGNATURE' });
    const none = { code: 'CW_AGENT_DAMAGED' };
    await assert.rejects(call('agentPiece', { offset: 0, bytes: new Uint8Array(8) }), none);
    await assert.rejects(call('agentTry'), none);
  });

  it('takes none for another system or another Node, and none that is older', async () => {
    const offer = await offerOf(build());
    for (const [change, code] of [
      [{ platform: 'linux-riscv64' }, 'CW_AGENT_PLATFORM'],
      [{ nodeMajor: 25 }, 'CW_AGENT_PLATFORM'],
      [{ version: '0.0.9' }, 'CW_AGENT_OLDER'],
      [{ sizeBytes: 2 ** 30 }, 'CW_LIMIT'],
    ] as const)
      await assert.rejects(call('agentOffer', signedBy(identity, { ...offer, ...change })), { code });
    await call('agentOffer', signedBy(identity, { ...offer, version: '0.0.9', allowDowngrade: true }));
  });

  it('tries none that came cut, changed, or in another order', async () => {
    const module = build();
    const cut = module.subarray(0, module.byteLength - 1);
    await send(cut, await offerOf(module));
    await assert.rejects(call('agentTry'), { code: 'CW_AGENT_DAMAGED' });
    const changed = Buffer.from(module);
    changed[module.byteLength >> 1] = (changed[module.byteLength >> 1] ?? 0) ^ 1;
    await send(changed, await offerOf(module));
    await assert.rejects(call('agentTry'), { code: 'CW_AGENT_DAMAGED' });
    await call('agentOffer', signedBy(identity, await offerOf(module)));
    const late = { offset: PIECE_BYTES, bytes: module.subarray(PIECE_BYTES, 2 * PIECE_BYTES) };
    await assert.rejects(call('agentPiece', late), { code: 'CW_AGENT_DAMAGED' });
    assert.equal(await settled(), '0.1.0');
  });

  it('serves as before when it was killed while a build came, and when one had come', async () => {
    await call('agentOffer', signedBy(identity, await offerOf(build())));
    await agent.kill();
    startAgent();
    assert.equal(await settled(), '0.1.0');
    await send(build());
    await agent.kill();
    startAgent();
    assert.equal(await settled(), '0.1.0');
  });

  it('serves as before when it was killed while it tried one, and ends what it had started', async () => {
    const id = await send(build(HANGS));
    const { pid } = agent;
    await call('agentTry').catch(() => undefined); // the answer may be lost with the link
    const child = await until('the build is tried', 20_000, () => childOf(pid));
    await agent.kill();
    startAgent();
    assert.equal(await settled(), '0.1.0');
    await until('the hanging build is ended', 10_000, () => (isRunning(child) ? null : true));
    const status = await call('agentStatus');
    assert.deepEqual([status['lastId'], status['lastWhy']], [id, 'the agent was ended while it was tried']);
    assert.deepEqual(kept(), []);
  });

  it('uses the build that was linked, also when it is killed in the very next moment; and not once it is damaged', async () => {
    const id = await send(build());
    await call('agentTry').catch(() => undefined); // as above
    await until('it was linked and is kept', 30_000, () => (committed() === id ? true : null));
    await agent.kill();
    startAgent();
    assert.equal(await settled(), id);

    await agent.kill();
    writeFileSync(join(folder, 'data', 'agent-builds', `${id}.mjs`), 'throw new Error("damaged")');
    startAgent();
    assert.equal(await settled(), '0.1.0');
  });

  it('serves when the state of builds is damaged', async () => {
    await agent.kill();
    writeFileSync(join(folder, 'data', 'update.json'), '{"format":1,"checksum":"x","body":{}}');
    startAgent();
    await agent.ready;
    const { buildId } = await call('info');
    assert.equal(buildId, '0.1.0');
    assert.match(agent.errors, /update\.json is damaged/);
  });

  function committed(): string | null {
    const state = JSON.parse(readFileSync(join(folder, 'data', 'update.json'), 'utf8')) as {
      body: { current: { id: string } | null };
    };
    return state.body.current?.id ?? null;
  }
});

function childOf(parent: number): number | null {
  const own = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ')[0];
  return own ? Number(own) : null;
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false; // gone
  }
}
