import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, fromHex, toHex } from '../../src/base/bytes.ts';
import { CausewayError } from '../../src/base/errors.ts';
import {
  decodeHello,
  decodeHelloHeader,
  encodeHello,
  HELLO_HEADER_BYTES,
  type Hello,
  PROTOCOL_VERSIONS,
  type Refusal,
} from '../../src/wire/hello.ts';
import { encodeAck, encodeBoot, encodeSync, GuestPreamble, HostPreamble } from '../../src/wire/preamble.ts';
import { loadVectors, untag } from './vectors.ts';

describe('Hello', () => {
  const { valid, invalid } = loadVectors('hello');

  function decode(bytes: Uint8Array): unknown {
    const length = decodeHelloHeader(bytes.subarray(0, HELLO_HEADER_BYTES));
    const message = decodeHello(
      bytes.subarray(HELLO_HEADER_BYTES, HELLO_HEADER_BYTES + length),
      PROTOCOL_VERSIONS,
    );
    if (message.kind === 'hello') return message;
    return { ...message, error: { code: message.error.code, message: message.error.message } };
  }

  function messageOf(value: unknown): Hello | Refusal {
    const message = untag(value) as
      | Hello
      | (Omit<Refusal, 'error'> & { error: { code: 'CW_LINK_BUSY'; message: string } });
    if (message.kind === 'hello') return message;
    return { ...message, error: new CausewayError(message.error.code, message.error.message) };
  }

  for (const vector of valid) {
    it(vector.name, () => {
      assert.equal(toHex(encodeHello(messageOf(vector.value))), vector.hex);
      assert.deepEqual(decode(fromHex(vector.hex)), untag(vector.value));
    });
  }
  for (const vector of invalid) {
    it(`refuses: ${vector.name}`, () => {
      assert.throws(() => decode(fromHex(vector.hex)), { name: 'CausewayError', code: vector.code });
    });
  }
});

describe('Preamble of a serial port', () => {
  const { nonce, sync, ack, boot } = loadVectors<{ nonce: string; sync: string; ack: string; boot: string }>(
    'preamble',
  );

  it('has these bytes', () => {
    assert.equal(toHex(encodeSync(fromHex(nonce))), sync);
    assert.equal(toHex(encodeAck(fromHex(nonce))), ack);
    assert.equal(toHex(encodeBoot()), boot);
  });

  it('is understood by the guest', () => {
    const { acks, payload } = new GuestPreamble().push(
      concat([fromHex('5959'), fromHex(sync), fromHex('43')]),
    );
    assert.deepEqual(acks.map(toHex), [nonce]);
    assert.deepEqual(payload, fromHex('43'));
  });

  it('is understood by the host', () => {
    const host = new HostPreamble(fromHex(nonce));
    assert.deepEqual(host.push(fromHex(`ff${boot}`)), { payload: null, booted: true });
    assert.deepEqual(host.push(fromHex(`${ack}43`)).payload, fromHex('43'));
  });
});
