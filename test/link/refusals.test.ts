import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, fromHex, utf8 } from '../../src/base/bytes.ts';
import { CausewayError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import type { AcceptedLink } from '../../src/link/accepted_link.ts';
import { dialLink } from '../../src/link/dial.ts';
import type { Link } from '../../src/link/link.ts';
import type { Turned } from '../../src/link/link_server.ts';
import type { ServeTrust } from '../../src/link/reception.ts';
import { serveLinks } from '../../src/link/serve.ts';
import {
  decodeHello,
  decodeHelloHeader,
  encodeHello,
  HELLO_HEADER_BYTES,
  type Hello,
  PROTOCOL_VERSIONS,
  type Refusal,
} from '../../src/wire/hello.ts';
import type { Conn } from '../../src/world/net.ts';
import { Sim } from '../../src/world/sim/sim.ts';
import type { World } from '../../src/world/world.ts';
import { Seeded, testSeed } from './seeded.ts';
import { EchoClient, FOREVER, firstUse, openDevice, proves, serveEcho } from './sim_link.ts';

const ADDRESS = { kind: 'tcp', host: 'guest', port: 7000 } as const;
const SEED = testSeed();
const FAR_VERSIONS = { min: 7, max: 9 };

const HELLO: Hello = {
  kind: 'hello',
  versions: PROTOCOL_VERSIONS,
  who: { buildId: 'test', hostName: 'test', platform: 'linux', tlsGroup: null },
  session: { id: new Uint8Array(16).fill(1), resume: false, receivedBytes: 0 },
  integrity: 'tls',
  proof: null,
};

/** A simulation with an agent; `serve` says whether the agent's links are answered or left unread. */
async function setUp(seed: number, serve: 'echo' | 'ignore' = 'echo', trust?: ServeTrust) {
  const sim = new Sim(seed);
  const links: AcceptedLink[] = [];
  const turned: Turned[] = [];
  let serving = false;
  sim.machine('guest').spawn('agent', async (world) => {
    const device = await openDevice(world);
    const listener = await world.net.listen({ kind: 'tcp', host: '0.0.0.0', port: ADDRESS.port });
    const source = { kind: 'listener', listener } as const;
    const { identity } = device;
    const server = serveLinks(world, {
      source,
      trust: trust ?? firstUse(device),
      identity,
      buildId: 'agent',
    });
    server.onTurned((one) => turned.push(one));
    serving = true;
    if (serve === 'echo') await serveEcho(server, (link) => links.push(link));
    else await world.clock.sleep(1e9);
  });
  await sim.runUntil(() => serving);
  const onHost = (main: (world: World) => Promise<void>) => sim.run(sim.machine('host'), main);
  return { sim, links, turned, onHost };
}

async function dialGuest(world: World): Promise<Link> {
  const { identity } = await openDevice(world);
  const trust = { kind: 'first-use', fingerprint: null, onPinned: async () => undefined } as const;
  return dialLink(world, { channel: ADDRESS, trust, identity, buildId: 'host' });
}

/** A TLS connection to the agent with the host's own key, before any hello. */
async function secured(world: World): Promise<Conn> {
  const { identity } = await openDevice(world);
  const raw = await world.net.dial(ADDRESS, { timeoutMs: 1000 });
  return world.net.secure(raw, { identity, role: 'client', handshakeTimeoutMs: 5000 });
}

const unreached = () => Promise.reject(new Error('every key is pinned'));

/** The link is refused for now, with that reason. */
async function offline(link: Link, message: RegExp): Promise<void> {
  const stop = new AbortController();
  link.onState((state) => {
    if ('lastError' in state && state.lastError !== null) stop.abort();
  });
  await assert.rejects(link.ready(stop.signal), { code: 'CW_VM_OFFLINE', message });
  await link.close();
}

async function answerOn(conn: Conn): Promise<Hello | Refusal> {
  const header = new Uint8Array(HELLO_HEADER_BYTES);
  assert.equal(await conn.read(header, header.byteLength), header.byteLength);
  const body = new Uint8Array(decodeHelloHeader(header));
  await conn.read(body, body.byteLength);
  return decodeHello(body, PROTOCOL_VERSIONS);
}

describe('the accepting side', () => {
  it('lets a good peer in at once beside a hundred silent ones, which are gone after the time limit', async () => {
    const { sim, turned, onHost } = await setUp(1);
    sim.machine('mob').spawn('mob', async (world) => {
      const conns = await Promise.all(
        Array.from({ length: 100 }, () => world.net.dial(ADDRESS, { timeoutMs: 5000 })),
      );
      await Promise.allSettled(conns.map((conn) => conn.read(new Uint8Array(1), 1)));
    });
    await sim.advance(100);
    await onHost(async (world) => {
      const startMs = world.clock.monotonicMs();
      const link = await dialGuest(world);
      await proves(link);
      const tookMs = world.clock.monotonicMs() - startMs;
      assert.ok(tookMs < 200, `the good peer waited ${tookMs} ms`);
      await link.close();
    });
    await sim.runUntil(() => turned.length === 100, { maxVirtualMs: LIMITS.handshakeTimeoutMs.value + 1000 });
    const codes = turned.map((one) => one.error.code);
    assert.equal(
      codes.filter((code) => code === 'CW_LINK_BUSY').length,
      100 - LIMITS.unauthenticatedMax.value + 1,
    );
    assert.ok(turned.every((one) => one.description.startsWith('tcp mob')));
  });

  it('turns random bytes away, with one report each, and serves on', async () => {
    const { turned, onHost } = await setUp(SEED);
    const random = new Seeded(SEED);
    await onHost(async (world) => {
      const link = await dialGuest(world);
      const client = await EchoClient.open(await link.ready(FOREVER));
      for (let i = 0; i < 30; i += 1) {
        const conn = await world.net.dial(ADDRESS, { timeoutMs: 1000 });
        await conn.write([random.bytes(1 + random.below(300))]);
        await conn.close();
        await client.exchange();
      }
      await world.clock.sleep(LIMITS.handshakeTimeoutMs.value + 1000);
      await client.exchange();
      await link.close();
    });
    assert.equal(turned.length, 30);
    for (const { error } of turned) assert.match(error.code, /^CW_(TLS_FAILED|LINK_CLOSED|WIRE_)/);
  });

  it('turns damaged and foreign hellos away inside TLS, each with its code, and tells the peer', async () => {
    const { turned, onHost } = await setUp(2);
    const good = encodeHello(HELLO);
    const cases: [string, Uint8Array, string | null][] = [
      ['HTTP', utf8('GET / HTTP/1.1\r\n\r\n'), null],
      ['too large', Uint8Array.of(...good.subarray(0, 8), 0xff, 0xff), 'CW_WIRE_TOO_LARGE'],
      ['no CBOR', concat([good.subarray(0, 8), fromHex('0500ff00000000')]), 'CW_WIRE_CRC'],
      ['empty', Uint8Array.of(...good.subarray(0, 8), 0, 0), 'CW_WIRE_TRUNCATED'],
      ['versions', encodeHello({ ...HELLO, versions: FAR_VERSIONS }), 'CW_WIRE_VERSION'],
      ['plain', encodeHello({ ...HELLO, integrity: 'crc32c' }), 'CW_WIRE_MALFORMED'],
    ];
    await onHost(async (world) => {
      for (const [name, bytes, told] of cases) {
        const conn = await secured(world);
        await conn.write([bytes]);
        if (told === null || told === 'CW_WIRE_TRUNCATED') {
          assert.equal(await conn.read(new Uint8Array(1), 1), 0, name);
        } else {
          const answer = await answerOn(conn);
          assert.equal(answer.kind === 'refusal' && answer.error.code, told, name);
        }
        await conn.close();
      }
      await proves(await dialGuest(world));
    });
    const codes = turned.map((one) => one.error.code);
    assert.deepEqual(codes, ['CW_WIRE_MAGIC', ...cases.slice(1).map(([, , code]) => code)]);
    assert.match(turned[4]?.error.message ?? '', /versions 1 to 1.*7 to 9/);
  });

  it('finds a hello that is cut anywhere', async () => {
    const { turned, onHost } = await setUp(3);
    const good = encodeHello(HELLO);
    await onHost(async (world) => {
      for (let cut = 0; cut < good.byteLength; cut += 7) {
        const conn = await secured(world);
        if (cut > 0) await conn.write([good.subarray(0, cut)]);
        await conn.close();
      }
      await proves(await dialGuest(world));
    });
    assert.equal(turned.length, Math.ceil(good.byteLength / 7));
    assert.equal(turned[0]?.error.code, 'CW_LINK_CLOSED');
    assert.ok(turned.slice(1).every((one) => one.error.code === 'CW_WIRE_TRUNCATED'));
  });

  it('answers a dialler whose first answer was lost with one live session, not two', async () => {
    const { links, onHost } = await setUp(4);
    await onHost(async (world) => {
      const first = await secured(world);
      await first.write([encodeHello(HELLO)]);
      assert.equal((await answerOn(first)).kind, 'hello');
      const second = await secured(world);
      await second.write([encodeHello(HELLO)]);
      const answer = await answerOn(second);
      assert.equal(answer.kind === 'hello' && answer.session.resume, false);
      await world.clock.sleep(100);
      const open = links.filter((link) => link.state.kind !== 'closed');
      assert.deepEqual(
        open.map((link) => link.state.kind),
        ['up'],
      );
    });
  });

  it('bounds the links of one peer; another peer still comes in', async () => {
    const everyone = { isPinned: (key: string) => key, redeemPairing: unreached, pinFirstUse: unreached };
    const { sim, onHost } = await setUp(5, 'echo', { kind: 'policy', policy: everyone });
    await onHost(async (world) => {
      for (let i = 0; i < LIMITS.linksPerPeerMax.value; i += 1) await (await dialGuest(world)).ready(FOREVER);
      await offline(await dialGuest(world), /64 links already/);
      const other = sim.machine('other').spawn('other', async (world) => proves(await dialGuest(world)));
      await world.clock.sleep(1000);
      assert.equal(other.state, 'exited');
    });
  });

  it('bounds the links that nobody takes, of all peers together', async () => {
    const everyone = { isPinned: (key: string) => key, redeemPairing: unreached, pinFirstUse: unreached };
    const { sim, onHost } = await setUp(5, 'ignore', { kind: 'policy', policy: everyone });
    sim.machine('other').spawn('other', async (world) => {
      for (let i = 0; i < LIMITS.linksWaitingMax.value / 2; i += 1)
        await (await dialGuest(world)).ready(FOREVER);
      await world.clock.sleep(1e9);
    });
    await sim.advance(1000);
    await onHost(async (world) => {
      for (let i = 0; i < LIMITS.linksWaitingMax.value / 2; i += 1)
        await (await dialGuest(world)).ready(FOREVER);
      await offline(await dialGuest(world), /wait to be served/);
    });
  });
});

describe('a trusted carrier', () => {
  const TRUST = { kind: 'trust-carrier' } as const;

  it('needs no TLS, protects records by CRC32C, and repairs flipped bits under the same session', async () => {
    const { sim, links, turned, onHost } = await setUp(7, 'echo', TRUST);
    await onHost(async (world) => {
      const { identity } = await openDevice(world);
      const link = dialLink(world, { channel: ADDRESS, trust: TRUST, identity, buildId: 'host' });
      const client = await EchoClient.open(await link.ready(FOREVER));
      for (let i = 0; i < 20; i += 1) {
        sim.net.route('host', 'guest').flipNext(1);
        await client.exchange();
      }
      assert.equal(link.state.kind === 'up' && link.state.peer.fingerprint, null);
      assert.ok(link.state.kind === 'up' && link.state.mux.stats.reconnects > 5);
      await link.close();
    });
    assert.equal(links.length, 1);
    assert.equal(links[0]?.peer.id, null);
    assert.ok(turned.every((one) => one.error.code.startsWith('CW_')));
  });

  it('is named in the error where only one side was told to trust it', async () => {
    const { turned, onHost } = await setUp(8);
    await onHost(async (world) => {
      const { identity } = await openDevice(world);
      const link = dialLink(world, { channel: ADDRESS, trust: TRUST, identity, buildId: 'host' });
      await world.clock.sleep(200);
      assert.equal(link.state.kind, 'connecting');
      await link.close();
    });
    assert.equal(turned[0]?.error.code, 'CW_TLS_FAILED');
  });
});

describe('the dialling side', () => {
  /** Dials a peer that answers the hello with `answer` once and then closes. */
  async function meets(answer: (hello: Hello) => Uint8Array): Promise<Link['state']> {
    const sim = new Sim(6);
    let listening = false;
    sim.machine('guest').spawn('fake', async (world) => {
      const { identity } = await openDevice(world);
      const listener = await world.net.listen({ kind: 'tcp', host: '0.0.0.0', port: ADDRESS.port });
      listening = true;
      for (;;) {
        const raw = await listener.accept();
        const conn = await world.net.secure(raw, { identity, role: 'server', handshakeTimeoutMs: 5000 });
        await conn.write([answer((await answerOn(conn)) as Hello)]);
        await conn.close();
      }
    });
    await sim.runUntil(() => listening);
    let seen: Link['state'] | null = null;
    await sim.run(sim.machine('host'), async (world) => {
      const link = await dialGuest(world);
      await new Promise<void>((resolve) => {
        link.onState((state) => {
          if (state.kind === 'failed' || ('lastError' in state && state.lastError !== null)) {
            seen ??= state;
            resolve();
          }
        });
      });
      await link.close();
    });
    return seen as unknown as Link['state'];
  }

  it('stops for good where no version is common, and names both ranges', async () => {
    const state = await meets(() => encodeHello({ ...HELLO, versions: FAR_VERSIONS }));
    assert.equal(state.kind, 'failed');
    if (state.kind !== 'failed') return;
    assert.equal(state.error.code, 'CW_WIRE_VERSION');
    assert.match(state.error.message, /versions 1 to 1.*7 to 9/);
  });

  it('stops for good after a refusal that no repetition changes, and goes on after others', async () => {
    const refusal = (code: 'CW_PAIR_REQUIRED' | 'CW_LINK_BUSY') => () =>
      encodeHello({ kind: 'refusal', versions: PROTOCOL_VERSIONS, error: new CausewayError(code, 'no') });
    assert.equal((await meets(refusal('CW_PAIR_REQUIRED'))).kind, 'failed');
    assert.equal((await meets(refusal('CW_LINK_BUSY'))).kind, 'connecting');
  });

  it('does not believe an answer about another session, garbage, or half a hello', async () => {
    const answers: [(hello: Hello) => Uint8Array, string][] = [
      [() => encodeHello(HELLO), 'CW_WIRE_MALFORMED'],
      [
        (hello) => encodeHello({ ...hello, session: { ...hello.session, resume: true } }),
        'CW_WIRE_MALFORMED',
      ],
      [
        (hello) => encodeHello({ ...hello, session: { ...hello.session, receivedBytes: 99 } }),
        'CW_LINK_SESSION_LOST',
      ],
      [() => utf8('220 mail.example.org ESMTP'), 'CW_WIRE_MAGIC'],
      [(hello) => encodeHello(hello).subarray(0, 30), 'CW_WIRE_TRUNCATED'],
      [() => new Uint8Array(0), 'CW_LINK_CLOSED'],
    ];
    for (const [answer, code] of answers) {
      const state = await meets(answer);
      assert.equal(state.kind, 'connecting', code);
      assert.equal(state.kind === 'connecting' && state.lastError?.code, code);
    }
  });
});
