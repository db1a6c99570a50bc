import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { CausewayError } from '../../src/base/errors.ts';
import { LANE_THREAD } from '../../src/guest/lane_thread_module.ts';
import { dialLink } from '../../src/link/dial.ts';
import { ReceivingLane } from '../../src/link/lane/receiving_lane.ts';
import { SendingLane } from '../../src/link/lane/sending_lane.ts';
import type { Mux, Stream } from '../../src/link/mux/mux.ts';
import { serveLinks } from '../../src/link/serve.ts';
import type { TrustPolicy } from '../../src/link/session/trust.ts';
import { encodeLanePreamble } from '../../src/wire/lane_switch.ts';
import type { LaneReceiver, LaneSender, LaneThreads } from '../../src/world/lane_threads.ts';
import type { Endpoint } from '../../src/world/net.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import type { World } from '../../src/world/world.ts';
import { FOREVER } from './sim_link.ts';

const MIB = 1 << 20;
const KINDS = ['tls over TCP', 'plain over a Unix socket'] as const;
type Kind = (typeof KINDS)[number];

/** One process with both ends of a link; lanes change to a connection at once. Threads and their ends are noted. */
interface Pair extends AsyncDisposable {
  readonly dialer: Mux;
  readonly acceptor: Mux;
  readonly senders: LaneSender[];
  readonly receivers: LaneReceiver[];
  readonly endpoint: Endpoint;
}

function noting(world: World, pair: Pick<Pair, 'senders' | 'receivers'>): World {
  const lanes = world.lanes as LaneThreads;
  return {
    ...world,
    lanes: {
      worth: { afterBytes: 1, bytesPerSecond: 0 },
      sender: (conn, setup) => noted(pair.senders, lanes.sender(conn, setup)),
      receiver: (conn, setup) => noted(pair.receivers, lanes.receiver(conn, setup)),
    },
  };
}

function noted<T>(all: T[], one: T | null): T | null {
  if (one !== null) all.push(one);
  return one;
}

async function pairOf(kind: Kind): Promise<Pair> {
  const noticed = { senders: [] as LaneSender[], receivers: [] as LaneReceiver[] };
  const world = noting(createNodeWorld({ lanes: LANE_THREAD }), noticed);
  const folder = mkdtempSync(join(tmpdir(), 'causeway-lanes-'));
  const isTls = kind === 'tls over TCP';
  const at: Endpoint = isTls
    ? { kind: 'tcp', host: '127.0.0.1', port: 0 }
    : { kind: 'unix', path: join(folder, 'agent.sock') };
  const listener = await world.net.listen(at);
  const [own, host] = [await world.identities.create('agent'), await world.identities.create('host')];
  const policy: TrustPolicy = {
    isPinned: () => 'host',
    redeemPairing: async () => 'host',
    pinFirstUse: async () => 'host',
  };
  const serveTrust = isTls ? ({ kind: 'policy', policy } as const) : ({ kind: 'trust-carrier' } as const);
  const server = serveLinks(world, {
    source: { kind: 'listener', listener },
    trust: serveTrust,
    identity: own,
    buildId: 'agent',
  });
  const trust = isTls
    ? ({ kind: 'pinned', fingerprint: own.fingerprint } as const)
    : ({ kind: 'trust-carrier' } as const);
  const link = dialLink(world, { channel: listener.endpoint, trust, identity: host, buildId: 'host' });
  const accepted = await server.accept(FOREVER);
  return {
    ...noticed,
    endpoint: listener.endpoint,
    dialer: await link.ready(FOREVER),
    acceptor: await accepted.ready(FOREVER),
    [Symbol.asyncDispose]: async () => {
      await link.close();
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Way = 'from the dialling side' | 'from the accepting side';
const WAYS: readonly Way[] = ['from the dialling side', 'from the accepting side'];

interface Lane {
  readonly from: SendingLane;
  readonly to: Stream;
}

/** A lane that has its connection already. */
async function laneOf(pair: Pair, way: Way, transfer = 'one'): Promise<Lane> {
  const [near, far] =
    way === 'from the dialling side' ? [pair.dialer, pair.acceptor] : [pair.acceptor, pair.dialer];
  const stream = await near.open('lane', { streamClass: 'bulk', opening: new Uint8Array(0) });
  const from = new SendingLane(stream, near.lanes!, transfer);
  const to = new ReceivingLane(await far.accept(FOREVER), far.lanes!);
  return { from, to };
}

/** Message `index`: its number, then bytes that follow from it; sizes of all kinds. */
function message(index: number): { readonly head: Uint8Array; readonly data: Uint8Array } {
  const head = new Uint8Array(48).fill(index & 0xff);
  new DataView(head.buffer).setUint32(0, index, true);
  head[0] = 1; // the type of a chunk
  const sizeBytes = [MIB, 0, 1, 70_000, 4 * MIB][index % 5]!;
  const data = new Uint8Array(new SharedArrayBuffer(sizeBytes)).fill((index * 7) & 0xff);
  return { head, data };
}

async function sendAll(
  from: Stream,
  count: number,
  onSent: (index: number) => void = () => undefined,
): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const { head, data } = message(index);
    await from.send([head, data]);
    onSent(index);
  }
  await from.end();
}

/** Takes all; fails where one is missing, doubled, damaged or out of order. Gives how many came over the connection. */
async function takeAll(
  to: Stream,
  count: number,
  onTaken: (index: number) => void = () => undefined,
): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    const got = to.receiveNow?.() ?? (await to.receive());
    assert.ok(got !== null, `message ${index} of ${count} is missing`);
    const { head, data } = message(index);
    assert.deepEqual(got.bytes.subarray(0, head.byteLength), head, `message ${index}`);
    assert.equal(Buffer.compare(got.bytes.subarray(head.byteLength), data), 0, `bytes of message ${index}`);
    got.release();
    onTaken(index);
  }
  assert.equal(await to.receive(), null);
}

/** Sends small messages over the link until the connection is there. */
async function warmUp({ from, to }: Lane, senders: readonly LaneSender[], before: number): Promise<void> {
  for (let tries = 0; senders.length === before; tries += 1) {
    assert.ok(tries < 100_000, 'the lane gets a connection');
    await from.send([Uint8Array.of(1, 2, 3, 4)]);
    (await to.receive())?.release();
  }
  await senders[before]!.ready;
  await new Promise((resolve) => setImmediate(resolve));
}

function overTheLink({ stats, lanes }: Mux): number {
  return stats.sentBytes - (lanes?.sentBytes ?? 0);
}

describe('a lane with a connection of its own', () => {
  for (const kind of KINDS)
    for (const way of WAYS)
      it(`carries messages of all sizes, in order, past the link: ${kind}, ${way}`, async () => {
        await using pair = await pairOf(kind);
        const lane = await laneOf(pair, way);
        await warmUp(lane, pair.senders, 0);
        const link = way === 'from the dialling side' ? pair.dialer : pair.acceptor;
        const beforeBytes = overTheLink(link);
        await Promise.all([sendAll(lane.from, 60), takeAll(lane.to, 60)]);
        assert.ok(overTheLink(link) - beforeBytes < MIB, 'the bytes did not go over the link');
        assert.ok(link.stats.sentBytes > 60 * MIB, 'and are counted');
      });

  for (const kind of KINDS)
    for (const end of ['sender', 'receiver'] as const)
      it(`goes on over the link when the connection breaks at the ${end}: nothing is missing or doubled: ${kind}`, async () => {
        await using pair = await pairOf(kind);
        const lane = await laneOf(pair, 'from the dialling side');
        await warmUp(lane, pair.senders, 0);
        const breakIt = (index: number) => {
          if (index === 20) (end === 'sender' ? pair.senders : pair.receivers)[0]!.kill();
        };
        await Promise.all([sendAll(lane.from, 60, breakIt), takeAll(lane.to, 60)]);
      });

  it('is not touched by an end of an earlier lane, whose threads it has', async () => {
    await using pair = await pairOf('tls over TCP');
    const first = await laneOf(pair, 'from the dialling side', 'first');
    await warmUp(first, pair.senders, 0);
    await Promise.all([sendAll(first.from, 3), takeAll(first.to, 3)]);
    await pair.senders[0]!.over;
    const second = await laneOf(pair, 'from the dialling side', 'second');
    await warmUp(second, pair.senders, 1);
    pair.senders[0]!.kill();
    pair.receivers[0]!.kill();
    const beforeBytes = overTheLink(pair.dialer);
    await Promise.all([sendAll(second.from, 20), takeAll(second.to, 20)]);
    assert.ok(overTheLink(pair.dialer) - beforeBytes < MIB, 'it kept its connection');
  });

  it('breaks where both ends are cut at once, and at any message', async () => {
    await using pair = await pairOf('tls over TCP');
    for (const at of [0, 1, 3, 7]) {
      const before = pair.senders.length;
      const lane = await laneOf(pair, 'from the dialling side', `transfer ${at}`);
      await warmUp(lane, pair.senders, before);
      const cut = (index: number) => {
        if (index === at)
          for (const one of [...pair.senders.slice(before), ...pair.receivers.slice(before)]) one.kill();
      };
      await Promise.all([sendAll(lane.from, 12), takeAll(lane.to, 12, cut)]);
    }
  });

  it('leaves it while another transfer sends over the link too', async () => {
    await using pair = await pairOf('tls over TCP');
    const lane = await laneOf(pair, 'from the dialling side');
    await warmUp(lane, pair.senders, 0);
    let leave: (() => void) | null = null;
    const crowd = (index: number) => {
      if (index === 10) leave = pair.dialer.lanes!.enter('another');
    };
    const beforeBytes = overTheLink(pair.dialer);
    await Promise.all([sendAll(lane.from, 40, crowd), takeAll(lane.to, 40)]);
    assert.ok(overTheLink(pair.dialer) - beforeBytes > 20 * MIB, 'the rest went over the link');
    (leave as (() => void) | null)?.();
  });

  it('gives back every buffer, also after a break and after a reset', async () => {
    for (const end of ['peace', 'break', 'reset'] as const) {
      await using pair = await pairOf('tls over TCP');
      const lane = await laneOf(pair, 'from the dialling side');
      await warmUp(lane, pair.senders, 0);
      const given = Array.from({ length: 12 }, () => Promise.withResolvers<void>());
      const taken = end === 'reset' ? null : takeAll(lane.to, given.length);
      const sending = given.map(({ resolve }, index) => {
        const { head, data } = message(index);
        return lane.from.send([head, data], resolve);
      });
      if (end === 'break') pair.senders[0]!.kill();
      if (end === 'reset') lane.from.reset(new CausewayError('CW_CANCELLED', 'enough'));
      const sent = await Promise.allSettled(sending);
      if (end !== 'reset') {
        assert.ok(sent.every(({ status }) => status === 'fulfilled'));
        await lane.from.end();
        await taken;
      }
      await Promise.all(given.map(({ promise }) => promise));
    }
  });

  it('fails as the link does when that is gone', async () => {
    await using pair = await pairOf('tls over TCP');
    const lane = await laneOf(pair, 'from the dialling side');
    await warmUp(lane, pair.senders, 0);
    await lane.from.send([message(0).head, message(0).data]);
    (await lane.to.receive())?.release();
    const waiting = assert.rejects(lane.to.receive(), CausewayError);
    await pair.dialer.close();
    await waiting;
    await assert.rejects(sendAll(lane.from, 1_000), CausewayError);
  });

  it('is refused to who does not know its secret, and to a connection that nobody waits for', async () => {
    await using pair = await pairOf('tls over TCP');
    const issued = pair.acceptor.lanes!.issue()!;
    const wrong = { ...issued.ticket, secret: new Uint8Array(32) };
    const conn = await pair.dialer.lanes!.connect(wrong, FOREVER);
    const sender = pair.dialer.lanes!.sender(conn, wrong)!;
    const receiver = pair.acceptor.lanes!.receiver(await issued.arrived, issued.ticket)!;
    await assert.rejects(sender.ready);
    await assert.rejects(receiver.ready, /secret/);
    const unknown = { ...issued.ticket, id: new Uint8Array(16) };
    pair.acceptor.lanes!.issue();
    await assert.rejects(pair.dialer.lanes!.connect(unknown, FOREVER), CausewayError);
  });

  it('is not given to a machine with another key than the link', async () => {
    await using pair = await pairOf('tls over TCP');
    await using other = await pairOf('tls over TCP');
    const issued = other.acceptor.lanes!.issue()!;
    const world = createNodeWorld();
    const conn = await world.net.dial(other.endpoint, { timeoutMs: 5_000 });
    await conn.write([encodeLanePreamble(issued.ticket.id)]);
    await conn.read(new Uint8Array(1), 1);
    const receiver = other.acceptor.lanes!.receiver(await issued.arrived, issued.ticket)!;
    const sender = pair.dialer.lanes!.sender(conn, issued.ticket)!;
    await assert.rejects(sender.ready, (error: CausewayError) => error.code === 'CW_TLS_FAILED');
    await assert.rejects(receiver.ready);
  });

  it('lets a carrier through while a lane is waited for', async () => {
    await using pair = await pairOf('tls over TCP');
    pair.acceptor.lanes!.issue();
    const world = createNodeWorld();
    const identity = await world.identities.create('second');
    const fingerprint = pair.dialer.stats.peer.fingerprint!;
    const link = dialLink(world, {
      channel: pair.endpoint,
      trust: { kind: 'pinned', fingerprint },
      identity,
      buildId: 'second',
    });
    await link.ready(AbortSignal.timeout(10_000));
    await link.close();
  });
});
