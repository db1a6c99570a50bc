import assert from 'node:assert/strict';
import { equalBytes } from '../../src/base/bytes.ts';
import { asCausewayError } from '../../src/base/errors.ts';
import type { Conn, TlsIdentity, TlsOptions } from '../../src/world/net.ts';
import type { World } from '../../src/world/world.ts';
import { type Case, patterned, registerCases, rejectsWith, type WorldHarness } from './harness.ts';
import { connectPair, LOOPBACK, readExactly, withPair } from './pair.ts';

const HANDSHAKE_MS = 10_000;

type Options = Partial<Pick<TlsOptions, 'cipherClass' | 'handshakeTimeoutMs'>>;

function secured(
  world: World,
  conn: Conn,
  identity: TlsIdentity,
  role: 'client' | 'server',
  more: Options = {},
) {
  return world.net.secure(conn, { identity, role, handshakeTimeoutMs: HANDSHAKE_MS, ...more });
}

interface SecurePair {
  readonly client: Conn;
  readonly server: Conn;
  readonly clientId: TlsIdentity;
  readonly serverId: TlsIdentity;
}

/** Runs `body` over TLS in which the dialer is client, then server. */
async function overTls(
  world: World,
  options: Options,
  body: (pair: SecurePair) => Promise<void>,
): Promise<void> {
  const clientId = await world.identities.create('client');
  const serverId = await world.identities.create('server');
  for (const dialerIsClient of [true, false]) {
    const { listener, dialer, acceptor } = await connectPair(world, LOOPBACK);
    const [clientEnd, serverEnd] = dialerIsClient ? [dialer, acceptor] : [acceptor, dialer];
    const [client, server] = await Promise.all([
      secured(world, clientEnd, clientId, 'client', options),
      secured(world, serverEnd, serverId, 'server', options),
    ]);
    try {
      await body({ client, server, clientId, serverId });
    } finally {
      await Promise.all([client.close(), server.close()]);
      await listener.close();
    }
  }
}

const IDENTITIES: readonly Case[] = [
  [
    'makes a new identity each time',
    async ({ world: { identities } }) => {
      const first = await identities.create('host');
      const second = await identities.create('host');
      for (const identity of [first, second]) {
        assert.match(identity.fingerprint, /^[0-9a-f]{64}$/);
        assert.match(identity.certificatePem, /^-----BEGIN CERTIFICATE-----\n/);
        assert.match(identity.privateKeyPem, /^-----BEGIN PRIVATE KEY-----\n/);
      }
      assert.notEqual(first.fingerprint, second.fingerprint);
      assert.notEqual(first.privateKeyPem, second.privateKeyPem);
    },
  ],
  [
    'proves a shared secret: 32 bytes that depend on key and message alone',
    async ({ world: { identities } }) => {
      const proof = identities.hmac(Buffer.from('key'), Buffer.from('message'));
      assert.equal(proof.byteLength, 32);
      assert.deepEqual(identities.hmac(Buffer.from('key'), Buffer.from('message')), proof);
      assert.notDeepEqual(identities.hmac(Buffer.from('kez'), Buffer.from('message')), proof);
      assert.notDeepEqual(identities.hmac(Buffer.from('key'), Buffer.from('messagf')), proof);
      assert.notDeepEqual(identities.hmac(Buffer.from('keym'), Buffer.from('essage')), proof);
    },
  ],
];

const CHANNELS: readonly Case[] = [
  [
    'shows each side who the other is, and what was negotiated',
    ({ world }) =>
      overTls(world, {}, async ({ client, server, clientId, serverId }) => {
        assert.equal(client.peer.fingerprint, serverId.fingerprint);
        assert.equal(server.peer.fingerprint, clientId.fingerprint);
        assert.equal(client.peer.tlsGroup, 'X25519MLKEM768');
        assert.equal(server.peer.tlsGroup, null);
        assert.equal(client.peer.tlsCipher, 'TLS_AES_256_GCM_SHA384');
        assert.equal(server.peer.tlsCipher, 'TLS_AES_256_GCM_SHA384');
        assert.notEqual(client.peer.description, '');
      }),
  ],
  [
    'uses the cipher asked for',
    async ({ world }) => {
      for (const [cipherClass, cipher] of [
        ['standard', 'TLS_AES_128_GCM_SHA256'],
        ['chacha', 'TLS_CHACHA20_POLY1305_SHA256'],
      ] as const) {
        await overTls(world, { cipherClass }, async ({ client, server }) => {
          assert.equal(client.peer.tlsCipher, cipher);
          assert.equal(server.peer.tlsCipher, cipher);
        });
      }
    },
  ],
  [
    'carries bytes both ways at once, intact',
    ({ world }) =>
      overTls(world, {}, async ({ client, server }) => {
        const total = 1_000_000;
        const send = (conn: Conn, salt: number) =>
          conn.write([patterned(total, salt).subarray(0, 77), patterned(total, salt).subarray(77)]);
        const receive = async (conn: Conn, salt: number): Promise<void> => {
          assert.ok(equalBytes(await readExactly(conn, total), patterned(total, salt)));
        };
        await Promise.all([send(client, 1), send(server, 2), receive(client, 2), receive(server, 1)]);
      }),
  ],
  [
    'waits for at least the bytes asked for, and gives the rest later',
    ({ world }) =>
      overTls(world, {}, async ({ client, server }) => {
        const into = new Uint8Array(6);
        const read = server.read(into, 5);
        await client.write([Buffer.from('abc')]);
        await client.write([Buffer.from('defgh')]);
        const count = await read;
        assert.ok(count >= 5 && count <= 6);
        const rest = await readExactly(server, 8 - count);
        assert.equal(Buffer.concat([into.subarray(0, count), rest]).toString(), 'abcdefgh');
      }),
  ],
  [
    'ends as the pipe below does',
    ({ world }) =>
      overTls(world, {}, async ({ client, server }) => {
        await client.write([Buffer.from('last')]);
        await client.close();
        assert.equal(await server.read(new Uint8Array(10), 10), 4);
        assert.equal(await server.read(new Uint8Array(10), 1), 0);
        await rejectsWith(client.write([Buffer.from('x')]), 'CW_LINK_CLOSED');
      }),
  ],
  [
    'unblocks a pending read and a pending write by close',
    ({ world }) =>
      overTls(world, {}, async ({ client }) => {
        const read = client.read(new Uint8Array(4), 4).catch((error: unknown) => asCausewayError(error).code);
        const write = rejectsWith(client.write([new Uint8Array(48 * 1024 * 1024)]), 'CW_LINK_CLOSED');
        await client.close();
        await write;
        const outcome = await read;
        assert.ok(outcome === 0 || outcome === 'CW_LINK_CLOSED', `the read ended with ${outcome}`);
      }),
  ],
];

const FAILURES: readonly Case[] = [
  [
    'fails when the other side speaks something else',
    ({ world }) =>
      withPair(world, LOOPBACK, async ({ dialer, acceptor }) => {
        const identity = await world.identities.create('host');
        const securing = rejectsWith(secured(world, dialer, identity, 'client'), 'CW_TLS_FAILED');
        await acceptor.write([Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]);
        await securing;
      }),
  ],
  [
    'fails when the other side hangs up in the handshake',
    ({ world }) =>
      withPair(world, LOOPBACK, async ({ dialer, acceptor }) => {
        const identity = await world.identities.create('host');
        const securing = rejectsWith(secured(world, dialer, identity, 'server'), 'CW_TLS_FAILED');
        await acceptor.close();
        await securing;
      }),
  ],
  [
    'fails when the other side says nothing in time, and closes the pipe',
    ({ world }) =>
      withPair(world, LOOPBACK, async ({ dialer, acceptor }) => {
        const identity = await world.identities.create('host');
        const options = { handshakeTimeoutMs: 50 };
        await rejectsWith(secured(world, dialer, identity, 'server', options), 'CW_TLS_FAILED', 'CW_TIMEOUT');
        const end = await acceptor
          .read(new Uint8Array(1), 1)
          .catch((error: unknown) => asCausewayError(error).code);
        assert.ok(end === 0 || end === 'CW_LINK_CLOSED', `the pipe below gave ${end}`);
      }),
  ],
  [
    'fails with a private key that is not that of the certificate',
    ({ world }) =>
      withPair(world, LOOPBACK, async ({ dialer, acceptor }) => {
        const [own, other] = [await world.identities.create('a'), await world.identities.create('b')];
        const forged = { ...own, privateKeyPem: other.privateKeyPem };
        const securing = secured(world, acceptor, other, 'server', { handshakeTimeoutMs: 500 });
        const settled = securing.catch(() => null);
        await rejectsWith(secured(world, dialer, forged, 'client'), 'CW_TLS_FAILED');
        await (await settled)?.close();
      }),
  ],
];

/** Every method of `Identities`, and `Net.secure`. */
export function secureSuite(harness: WorldHarness): void {
  registerCases(harness, 'identities', IDENTITIES);
  registerCases(harness, 'net, secure channels', CHANNELS);
  registerCases(harness, 'net, secure failures', FAILURES);
}
