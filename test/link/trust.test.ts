import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { LIMITS } from '../../src/base/limits.ts';
import type { Link } from '../../src/link/link.ts';
import { greetAsDialer } from '../../src/link/session/handshake.ts';
import { pairingProof } from '../../src/link/session/pairing_proof.ts';
import { encodeHello, PROTOCOL_VERSIONS } from '../../src/wire/hello.ts';
import { encodeToken, parseToken } from '../../src/wire/token.ts';
import type { Endpoint } from '../../src/world/net.ts';
import { NodePeer } from './node_peer.ts';
import { EchoClient, FOREVER, proves } from './sim_link.ts';

const DEADLINE_MS = 20_000;

function portOf(endpoint: Endpoint): number {
  assert.equal(endpoint.kind, 'tcp');
  return (endpoint as { port: number }).port;
}

/** Waits for a condition, with a deadline. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const end = Date.now() + DEADLINE_MS;
  while (!condition()) {
    assert.ok(Date.now() < end, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function failsWith(link: Link, code: string, message?: RegExp): Promise<void> {
  await assert.rejects(link.ready(FOREVER), message === undefined ? { code } : { code, message });
  assert.equal(link.state.kind, 'failed');
  await link.close();
}

describe('pairing over TCP', () => {
  it('lets the dialler of a token in, pins both keys, and needs no token from then on', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    const endpoint = await agent.listen();
    const first = host.dialToken(await agent.token(endpoint));
    await proves(first);
    assert.equal(first.state.kind === 'up' && first.state.peer.tlsGroup, 'X25519MLKEM768');
    assert.equal(first.state.kind === 'up' && first.state.peer.tlsCipher, 'TLS_AES_256_GCM_SHA384');
    const accepted = agent.links[0]?.peer;
    assert.equal(accepted?.newlyPinned, true);
    assert.equal(accepted?.fingerprint, host.identity.fingerprint);
    assert.equal(accepted?.hello.tlsGroup, 'X25519MLKEM768');
    await first.close();
    const second = host.dial(endpoint, { kind: 'pinned', fingerprint: agent.identity.fingerprint });
    await proves(second);
    assert.equal(agent.links[1]?.peer.newlyPinned, false);
    assert.deepEqual(agent.turned, []);
  });

  it('works as well where the host listens and the agent dials; the machine gets the name the token was issued for', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    const token = await host.token(await host.listen(), 'dev');
    await proves(agent.dialToken(token));
    assert.equal(host.links[0]?.peer.id, 'dev');
    assert.equal(host.store.find(agent.identity.fingerprint)?.name, 'dev');
    await using reinstalled = await NodePeer.create();
    await proves(reinstalled.dialToken(await host.token(await host.listen(), 'dev')));
    assert.deepEqual(
      host.store.byName('dev').map((peer) => peer.fingerprint),
      [reinstalled.identity.fingerprint],
      'the machine was paired anew: its old key is not trusted any more',
    );
  });

  it('refuses a wrong, a used and an expired token and none at all, each with its code', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    await using other = await NodePeer.create();
    const endpoint = await agent.listen();
    const token = await agent.token(endpoint);
    await failsWith(
      host.dial(endpoint, { kind: 'pinned', fingerprint: agent.identity.fingerprint }),
      'CW_PAIR_REQUIRED',
    );
    const wrong = encodeToken({ ...parseToken(token), secret: new Uint8Array(16) });
    await failsWith(host.dialToken(wrong), 'CW_PAIR_TOKEN_WRONG');
    await proves(host.dialToken(token));
    await failsWith(other.dialToken(token), 'CW_PAIR_TOKEN_USED');
    const late = await agent.token(endpoint);
    const state = JSON.parse(agent.tokens.serialize());
    for (const record of state.tokens) record.expiresAtMs -= LIMITS.pairTokenTtlMs.value;
    agent.tokens.restore(JSON.stringify(state));
    await failsWith(other.dialToken(late), 'CW_PAIR_TOKEN_EXPIRED');
    assert.deepEqual(
      agent.store.list().map((peer) => peer.fingerprint),
      [host.identity.fingerprint],
    );
  });

  it('refuses a proof that another key replays', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    await using thief = await NodePeer.create();
    const endpoint = await agent.listen();
    const { secret } = parseToken(await agent.token(endpoint));
    const ends = { dialer: host.identity.fingerprint, acceptor: agent.identity.fingerprint };
    const overheard = pairingProof(host.world.identities, secret, ends);
    const replay = { ...thief.world, identities: { ...thief.world.identities, hmac: () => overheard } };
    const trust = { kind: 'pinned', fingerprint: agent.identity.fingerprint, pairingSecret: secret } as const;
    const session = { id: new Uint8Array(16), resume: false, receivedBytes: 0 };
    const conn = await thief.world.net.dial(endpoint, { timeoutMs: 5000 });
    const outcome = greetAsDialer(replay, conn, { identity: thief.identity, buildId: 'x', trust, session });
    await assert.rejects(outcome, { code: 'CW_PAIR_TOKEN_WRONG' });
    assert.deepEqual(agent.store.list(), []);
  });

  it('sends nothing to an acceptor whose key is not the one of the token: a man in the middle learns no proof', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    await using middle = await NodePeer.create();
    const token = parseToken(await agent.token(await agent.listen()));
    const trap = await middle.listen();
    const link = host.dial(trap, {
      kind: 'pinned',
      fingerprint: token.fingerprint,
      pairingSecret: token.secret,
    });
    await failsWith(link, 'CW_PAIR_KEY_CHANGED', new RegExp(middle.identity.fingerprint));
    await until(() => middle.turned.length > 0, 'the trap notices the end');
    assert.match(middle.turned[0]?.error.code ?? '', /^CW_(LINK_CLOSED|TLS_FAILED)$/, 'it has seen no hello');
  });

  it('refuses a dialler that was unpinned', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    const endpoint = await agent.listen();
    await proves(host.dialToken(await agent.token(endpoint)));
    await agent.store.unpin(agent.store.list()[0]?.name as string);
    const again = host.dial(endpoint, { kind: 'pinned', fingerprint: agent.identity.fingerprint });
    await failsWith(again, 'CW_PAIR_REQUIRED');
  });
});

describe('a changed key', () => {
  it('is refused by the dialling side over TCP, Unix socket and command, for good', async () => {
    await using host = await NodePeer.create();
    await using agent = await NodePeer.create();
    await using other = await NodePeer.create();
    const path = join(host.path, 'agent.sock');
    const tcp = await agent.listen(undefined, 'host');
    await agent.listen({ kind: 'unix', path }, 'host');
    const node = process.execPath;
    const script = join(import.meta.dirname, 'stdio_agent.ts');
    const exec = (dir: string): Endpoint => ({ kind: 'exec', argv: [node, '--no-warnings', script, dir] });
    const commandDir = mkdtempSync(join(tmpdir(), 'causeway-peer-'));
    for (const [name, channel] of [
      ['tcp', tcp],
      ['unix', { kind: 'unix', path }],
      ['exec', exec(commandDir)],
    ] as const) {
      const link = host.dialFirstUse(channel, name);
      await proves(link);
      await link.close();
    }
    assert.notEqual(host.store.byName('exec')[0]?.fingerprint, agent.identity.fingerprint);
    await agent.close();
    const otherTcp = await other.listen(undefined, 'host');
    await other.listen({ kind: 'unix', path }, 'host');
    const otherDir = mkdtempSync(join(tmpdir(), 'causeway-peer-'));
    for (const [name, channel] of [
      ['tcp', otherTcp],
      ['unix', { kind: 'unix', path }],
      ['exec', exec(otherDir)],
    ] as const) {
      await failsWith(host.dialFirstUse(channel, name), 'CW_PAIR_KEY_CHANGED');
    }
    const again = host.dialFirstUse(exec(commandDir), 'exec');
    await proves(again);
    await again.close();
    for (const dir of [commandDir, otherDir]) rmSync(dir, { recursive: true, force: true });
  });

  it('is refused by the accepting side of a channel that pins the first one', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    await using other = await NodePeer.create();
    const endpoint: Endpoint = { kind: 'unix', path: join(agent.path, 'agent.sock') };
    await agent.listen(endpoint, 'owner');
    await proves(host.dialFirstUse(endpoint, 'vm'));
    await failsWith(
      other.dialFirstUse(endpoint, 'vm'),
      'CW_PAIR_KEY_CHANGED',
      new RegExp(other.identity.fingerprint),
    );
    await until(() => agent.turned.length === 1, 'the agent reports it');
    assert.equal(agent.turned[0]?.error.code, 'CW_PAIR_KEY_CHANGED');
  });

  it('does not count as changed after a restart with the same data directory', async () => {
    await using host = await NodePeer.create();
    await using agent = await NodePeer.create();
    const endpoint: Endpoint = { kind: 'unix', path: join(host.path, 'agent.sock') };
    await agent.listen(endpoint, 'owner');
    await proves(host.dialFirstUse(endpoint, 'vm'));
    await host.close();
    const copy = mkdtempSync(join(tmpdir(), 'causeway-peer-'));
    cpSync(host.path, copy, { recursive: true, filter: (source) => !source.endsWith('.sock') });
    await using restarted = await NodePeer.create(copy);
    await proves(restarted.dialFirstUse(endpoint, 'vm'));
  });
});

describe('a listener that strangers can reach', () => {
  async function rawSocket(endpoint: Endpoint): Promise<Socket> {
    const socket = connect(portOf(endpoint), '127.0.0.1');
    socket.on('error', () => undefined); // being cut is what these sockets are for
    await once(socket, 'connect');
    return socket;
  }

  it('turns HTTP, random bytes, a bare hello and a TLS 1.2 client away at once, and goes on serving', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    const endpoint = await agent.listen();
    const link = host.dialToken(await agent.token(endpoint));
    const client = await EchoClient.open(await link.ready(FOREVER));
    const who = { buildId: 'x', hostName: 'x', platform: 'x', tlsGroup: null };
    const session = { id: new Uint8Array(16), resume: false, receivedBytes: 0 };
    const hello = {
      kind: 'hello',
      versions: PROTOCOL_VERSIONS,
      who,
      session,
      integrity: 'crc32c',
      proof: null,
    } as const;
    const inputs = [
      'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
      Buffer.alloc(2000, 0xa7),
      'SSH-2.0-x\r\n',
      encodeHello(hello),
    ];
    for (const [index, input] of inputs.entries()) {
      const socket = await rawSocket(endpoint);
      socket.write(input);
      socket.resume();
      await once(socket, 'close');
      await until(() => agent.turned.length === index + 1, 'the agent reports it');
      await client.exchange();
    }
    const old = connectTls({
      port: portOf(endpoint),
      host: '127.0.0.1',
      maxVersion: 'TLSv1.2',
      rejectUnauthorized: false,
    });
    const [error] = await once(old, 'error');
    assert.match(String(error), /protocol version|PROTOCOL_VERSION|alert number 70/i);
    await until(() => agent.turned.length === inputs.length + 1, 'the agent reports the old client');
    assert.ok(
      agent.turned.every((turned) => turned.error.code === 'CW_TLS_FAILED'),
      JSON.stringify(agent.turned),
    );
    await client.exchange();
  });

  it('turns a TLS client without a certificate away', async () => {
    await using agent = await NodePeer.create();
    const endpoint = await agent.listen();
    const bare = connectTls({ port: portOf(endpoint), host: '127.0.0.1', rejectUnauthorized: false });
    const [error] = await once(bare, 'error');
    assert.match(String(error), /certificate required/i);
    await until(() => agent.turned.length === 1, 'the agent reports it');
    assert.equal(agent.turned[0]?.error.code, 'CW_TLS_FAILED');
  });

  it('serves a good peer beside a hundred silent connections, and ends all of those', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    const endpoint = await agent.listen();
    const silent = await Promise.all(Array.from({ length: 100 }, () => rawSocket(endpoint)));
    let closed = 0;
    for (const socket of silent) socket.resume().on('close', () => (closed += 1));
    const link = host.dialToken(await agent.token(endpoint));
    await proves(link);
    assert.ok(closed < 100, 'the good peer did not have to wait for the last of them');
    await until(() => closed === 100, 'the silent connections are ended');
    assert.equal(link.state.kind, 'up');
    assert.equal(agent.turned.length, 100);
  });
});

describe('a cut TCP connection', () => {
  it('is replaced under the same session: a stream goes on, nothing is sent twice to the user', async () => {
    await using agent = await NodePeer.create();
    await using host = await NodePeer.create();
    const endpoint = await agent.listen();
    const sockets = new Set<Socket>();
    const proxy = createServer((inbound) => {
      const outbound = connect(portOf(endpoint), '127.0.0.1');
      for (const socket of [inbound, outbound]) socket.on('error', () => undefined); // cut on purpose
      inbound.pipe(outbound);
      outbound.pipe(inbound);
      sockets.add(inbound).add(outbound);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as { port: number };
    const { fingerprint, secret } = parseToken(await agent.token(endpoint));
    const through: Endpoint = { kind: 'tcp', host: '127.0.0.1', port };
    const link = host.dial(through, { kind: 'pinned', fingerprint, pairingSecret: secret });
    const mux = await link.ready(FOREVER);
    const client = await EchoClient.open(mux);
    for (let cut = 0; cut < 5; cut += 1) {
      for (let i = 0; i < 20; i += 1) await client.send();
      for (const socket of sockets) socket.destroy();
      sockets.clear();
      for (let i = 0; i < 20; i += 1) await client.receive();
    }
    assert.equal(await link.ready(FOREVER), mux);
    assert.ok(mux.stats.reconnects >= 4, `${mux.stats.reconnects} reconnects`);
    assert.equal(agent.links.length, 1);
    await link.close();
    proxy.close();
  });
});
