import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNodeWorld } from './world.ts';

const SIZE = 256 * 1024;

test('a TCP connection tells its round trip, segments and window, also below TLS; a Unix socket does not', {
  skip: process.platform !== 'linux' && 'needs TCP_INFO',
}, async () => {
  const { net, identities } = createNodeWorld();
  await using ends = new AsyncDisposableStack();
  const listener = ends.use(await net.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }));
  const [plainNear, plainFar] = await Promise.all([
    net.dial(listener.endpoint, { timeoutMs: 5_000 }),
    listener.accept(),
  ]);
  ends.defer(() => plainNear.close());
  ends.defer(() => plainFar.close());
  assert.ok(plainNear.line!()!.roundTripUs > 0);
  const identity = await identities.create('test');
  const options = { identity, handshakeTimeoutMs: 5_000 };
  const [near, far] = await Promise.all([
    net.secure(plainNear, { ...options, role: 'client' }),
    net.secure(plainFar, { ...options, role: 'server' }),
  ]);
  const before = near.line!()!;
  const taken = far.read(new Uint8Array(SIZE), SIZE);
  await near.write([new Uint8Array(SIZE)]);
  assert.equal(await taken, SIZE);
  const after = near.line!()!;
  assert.ok(after.sentSegments > before.sentSegments);
  // A reader that does not run for some milliseconds makes the kernel probe with the last segment again, on loopback, too.
  assert.ok(after.resentSegments < after.sentSegments, String(after.resentSegments));
  assert.ok(after.peerWindowBytes > 1024 && after.peerWindowBytes < 2 ** 31, String(after.peerWindowBytes));
  assert.ok(after.roundTripUs > 0 && after.roundTripUs < 10_000_000, String(after.roundTripUs));
  assert.ok(after.peerLimitedMs <= after.busyMs);
  await Promise.all([near.close(), far.close()]);
  assert.equal(near.line!(), null);
});
