import assert from 'node:assert/strict';
import net from 'node:net';
import { before, test } from 'node:test';
import tls from 'node:tls';
import type { Conn, TlsIdentity, TlsOptions } from '../net.ts';
import { enableDirectReads } from './direct_reads.ts';
import { createNodeIdentities } from './identities.ts';
import { Inbox } from './inbox.ts';
import { createNodeNet } from './net.ts';
import { plainPeer, SocketConn } from './socket_conn.ts';

const { dial, listen, secure } = createNodeNet();
const LOOPBACK = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
const DIAL = { timeoutMs: 5_000 };
let alice: TlsIdentity;
let bob: TlsIdentity;
before(async () => {
  const identities = createNodeIdentities();
  alice = await identities.create('alice');
  bob = await identities.create('bob');
});

const asClient = (more: Partial<TlsOptions> = {}): TlsOptions => ({
  identity: alice,
  role: 'client',
  handshakeTimeoutMs: 5_000,
  ...more,
});
const asServer = (more: Partial<TlsOptions> = {}): TlsOptions => ({
  ...asClient(more),
  identity: bob,
  role: 'server',
});

async function pair(): Promise<[Conn, Conn]> {
  const listener = await listen(LOOPBACK);
  const dialing = dial(listener.endpoint, DIAL);
  const accepted = await listener.accept();
  await listener.close();
  return [await dialing, accepted];
}

/** A connection with nothing of a socket about it, as a carrier that adds to another one is. */
const opaque = (conn: Conn): Conn => ({
  read: (into, minBytes) => conn.read(into, minBytes),
  write: (parts) => conn.write(parts),
  close: () => conn.close(),
  peer: conn.peer,
  [Symbol.asyncDispose]: () => conn.close(),
});

/** A connection over a socket without direct reads. */
function plain(socket: net.Socket): Conn {
  return new SocketConn({ input: socket, output: socket, inbox: new Inbox(), peer: plainPeer('plain') });
}

async function exchange(client: Conn, server: Conn): Promise<void> {
  const bytes = new Uint8Array(700_001).map((_, i) => (i * 7 + (i >> 9)) & 0xff);
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    const into = new Uint8Array(bytes.byteLength);
    const [count] = await Promise.all([
      to.read(into, into.byteLength),
      from.write([bytes.subarray(0, 8), bytes.subarray(8)]),
    ]);
    assert.equal(count, bytes.byteLength);
    assert.deepEqual(into, bytes);
  }
}

test('both sides learn who the other is; TLS 1.3 with the hybrid group and the cipher of the class', async () => {
  const expected = {
    sensitive: 'TLS_AES_256_GCM_SHA384',
    standard: 'TLS_AES_128_GCM_SHA256',
    chacha: 'TLS_CHACHA20_POLY1305_SHA256',
  } as const;
  for (const [cipherClass, cipher] of Object.entries(expected) as ['chacha', string][]) {
    const [a, b] = await pair();
    const [client, server] = await Promise.all([
      secure(a, asClient({ cipherClass })),
      secure(b, asServer({ cipherClass })),
    ]);
    assert.equal(client.peer.fingerprint, bob.fingerprint);
    assert.equal(server.peer.fingerprint, alice.fingerprint);
    assert.equal(client.peer.tlsGroup, 'X25519MLKEM768');
    assert.equal(server.peer.tlsGroup, null);
    assert.deepEqual([client.peer.tlsCipher, server.peer.tlsCipher], [cipher, cipher]);
    await exchange(client, server);
    await Promise.all([client.close(), server.close()]);
  }
});

test('a weaker class never weakens the other side', async () => {
  const [a, b] = await pair();
  const [client, server] = await Promise.all([
    secure(a, asClient({ cipherClass: 'standard' })),
    secure(b, asServer({ cipherClass: 'sensitive' })),
  ]);
  assert.equal(client.peer.tlsCipher, 'TLS_AES_256_GCM_SHA384');
  await Promise.all([client.close(), server.close()]);
});

test('either side may dial, over sockets, over any other pipe, and where direct reads cannot be had', async () => {
  const wraps: ((conn: Conn) => Conn)[] = [(conn) => conn, opaque];
  for (const wrapA of wraps)
    for (const wrapB of wraps) {
      const [a, b] = await pair();
      const [server, client] = await Promise.all([
        secure(wrapA(a), asServer()),
        secure(wrapB(b), asClient()),
      ]);
      await exchange(client, server);
      await Promise.all([client.close(), server.close()]);
      await assert.rejects(client.read(new Uint8Array(1), 1), { code: 'CW_LINK_CLOSED' });
    }
});

test('a switch to direct reads is refused where Node does not look as expected', () => {
  const inbox = new Inbox();
  assert.equal(enableDirectReads(new net.Socket(), inbox), false, 'no handle');
  assert.equal(enableDirectReads({} as net.Socket, inbox), false, 'nothing of a socket');
});

test('sockets without direct reads carry the same bytes', async () => {
  const server = net.createServer({ pauseOnConnect: true });
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  socket.pause();
  const ends = [plain(socket), plain(await accepted)] as const;
  await exchange(...ends);
  await Promise.all(ends.map((conn) => conn.close()));
  server.close();
});

test('bytes that were read ahead before TLS are not lost', async () => {
  const [a, b] = await pair();
  const securing = secure(a, asClient());
  await b.read(new Uint8Array(1), 1).then(async () => {
    // one byte of the ClientHello is gone: the handshake must fail, not hang, on both sides
    const failures = await Promise.allSettled([securing, secure(b, asServer())]);
    assert.deepEqual(
      failures.map((outcome) => outcome.status),
      ['rejected', 'rejected'],
    );
  });
  const [c, d] = await pair();
  const marker = d.read(new Uint8Array(3), 3); // keeps what follows the marker in the same packet
  await c.write([Buffer.from('go!')]);
  await marker;
  const [client, server] = await Promise.all([secure(c, asClient()), secure(d, asServer())]);
  await exchange(client, server);
  await Promise.all([client.close(), server.close()]);
});

test('a client without a certificate is refused, and told so by an alert', async () => {
  const listener = await listen(LOOPBACK);
  const { port } = listener.endpoint as { port: number };
  const stranger = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  const alert = new Promise<Error>((resolve) => stranger.once('error', resolve));
  await assert.rejects(secure(await listener.accept(), asServer()), {
    code: 'CW_TLS_FAILED',
    message: /peer did not return a certificate/,
  });
  assert.match((await alert).message, /certificate required/);
  await listener.close();
});

test('a peer with TLS 1.2 only, or with no TLS at all, fails with the reason', async () => {
  const listener = await listen(LOOPBACK);
  const { port } = listener.endpoint as { port: number };
  const old = tls.connect({ port, host: '127.0.0.1', maxVersion: 'TLSv1.2', rejectUnauthorized: false });
  old.on('error', () => undefined);
  await assert.rejects(secure(await listener.accept(), asServer()), {
    code: 'CW_TLS_FAILED',
    message: /unsupported protocol/,
  });
  const talker = net.connect(port, '127.0.0.1', () => talker.write('GET / HTTP/1.1\r\n\r\n'));
  talker.on('error', () => undefined);
  await assert.rejects(secure(await listener.accept(), asServer()), {
    code: 'CW_TLS_FAILED',
    message: /http request|wrong version number/,
  });
  await listener.close();
});

test('silence ends with the time limit, a hang-up at once, and a broken key is named', async () => {
  const [a, b] = await pair();
  await assert.rejects(secure(a, asClient({ handshakeTimeoutMs: 30 })), {
    code: 'CW_TLS_FAILED',
    message: /no handshake in 30 ms/,
  });
  await b.close();
  const [c, d] = await pair();
  const securing = secure(c, asClient());
  await d.close();
  await assert.rejects(securing, { code: 'CW_TLS_FAILED' });
  const [e, f] = await pair();
  const identity = { ...alice, privateKeyPem: bob.privateKeyPem };
  await assert.rejects(secure(e, asClient({ identity })), { code: 'CW_TLS_FAILED', message: /mismatch/ });
  await f.close();
});

test('a flipped bit after the handshake ends the connection with CW_TLS_FAILED on either side', async () => {
  for (const role of ['client', 'server'] as const) {
    const [a, relayIn] = await pair();
    const [relayOut, b] = await pair();
    let damage = false;
    const pump = async (from: Conn, to: Conn, mayDamage: boolean) => {
      const into = new Uint8Array(65_536);
      for (let n = await from.read(into, 1); n > 0; n = await from.read(into, 1)) {
        if (mayDamage && damage) into[n - 1] = (into[n - 1] as number) ^ 1;
        await to.write([into.subarray(0, n)]);
      }
    };
    const pumps = [pump(relayIn, relayOut, true), pump(relayOut, relayIn, false)];
    const pumped = Promise.allSettled(pumps);
    const [sender, receiver] = await Promise.all([
      secure(a, role === 'client' ? asServer() : asClient()),
      secure(b, role === 'client' ? asClient() : asServer()),
    ]);
    await exchange(sender, receiver);
    damage = true;
    const read = receiver.read(new Uint8Array(100), 100);
    await sender.write([new Uint8Array(100)]);
    await assert.rejects(read, { code: 'CW_TLS_FAILED' });
    await Promise.all([sender, receiver, relayIn, relayOut].map((conn) => conn.close()));
    await pumped;
  }
});

test('close ends a pending read and write of TLS on either side', async () => {
  for (const wrap of [(conn: Conn) => conn, opaque]) {
    const [a, b] = await pair();
    const ends = await Promise.all([secure(wrap(a), asClient()), secure(wrap(b), asServer())]);
    for (const conn of ends) {
      const outcomes = Promise.allSettled([
        conn.read(new Uint8Array(8), 8),
        conn.write([new Uint8Array(16 << 20)]),
      ]);
      await conn.close();
      const [read, write] = await outcomes;
      assert.equal(write.status === 'rejected' && write.reason.code, 'CW_LINK_CLOSED');
      assert.ok(read.status === 'rejected' ? read.reason.code === 'CW_LINK_CLOSED' : read.value === 0);
    }
  }
});
