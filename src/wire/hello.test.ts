import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { concat, fromHex, utf8 } from '../base/bytes.ts';
import { CausewayError, type ErrorCode } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { encodeCbor } from './cbor.ts';
import type { CborMap } from './cbor_value.ts';
import { crc32c } from './crc32c.ts';
import {
  commonVersion,
  decodeHello,
  decodeHelloHeader,
  encodeHello,
  HELLO_HEADER_BYTES,
  type Hello,
  type Refusal,
} from './hello.ts';

const OWN = { min: 1, max: 3 };
const HELLO: Hello = {
  kind: 'hello',
  versions: { min: 2, max: 5 },
  who: { buildId: '1.2.3', hostName: 'box', platform: 'linux', tlsGroup: 'X25519MLKEM768' },
  session: { id: new Uint8Array(16).fill(7), resume: true, receivedBytes: 2 ** 40 },
  integrity: 'tls',
  proof: new Uint8Array(32).fill(9),
};

function decode(bytes: Uint8Array): Hello | Refusal {
  const length = decodeHelloHeader(bytes.subarray(0, HELLO_HEADER_BYTES));
  assert.equal(bytes.byteLength, HELLO_HEADER_BYTES + length);
  return decodeHello(bytes.subarray(HELLO_HEADER_BYTES), OWN);
}

/** A map as it stands in a hello, with its checksum. */
function body(map: CborMap): Uint8Array {
  const bytes = encodeCbor(map);
  return concat([bytes, new Uint8Array(Uint32Array.of(crc32c(bytes)).buffer)]);
}

function refusal(code: ErrorCode, message: string): Refusal {
  return { kind: 'refusal', versions: OWN, error: new CausewayError(code, message) };
}

describe('encodeHello', () => {
  it('is undone by decodeHello', () => {
    assert.deepEqual(decode(encodeHello(HELLO)), HELLO);
    const incarnation = new Uint8Array(16).fill(3);
    const bare: Hello = {
      ...HELLO,
      who: { ...HELLO.who, tlsGroup: null },
      session: { ...HELLO.session, incarnation },
      integrity: 'crc32c',
      proof: null,
    };
    assert.deepEqual(decode(encodeHello(bare)), bare);
  });

  it('cleans and cuts what this side says of itself to what the decoder takes', () => {
    const who = {
      buildId: 'ä'.repeat(500),
      hostName: 'a\u001b[2Jb\ud800\u202e',
      platform: 'x',
      tlsGroup: null,
    };
    const decoded = decode(encodeHello({ ...HELLO, who })) as Hello;
    assert.equal(decoded.who.buildId, 'ä'.repeat(64));
    assert.equal(decoded.who.hostName, 'a [2Jb\ufffd ');
  });

  it('carries a refusal with its code; a code that is none of the peer becomes CW_LINK_REFUSED', () => {
    const told = decode(encodeHello(refusal('CW_PAIR_TOKEN_USED', 'the token was used before'))) as Refusal;
    assert.equal(told.error.code, 'CW_PAIR_TOKEN_USED');
    assert.equal(told.error.message, 'the token was used before');
    const hidden = decode(encodeHello(refusal('CW_DISK_FULL', 'line\nbreak'))) as Refusal;
    assert.equal(hidden.error.code, 'CW_LINK_REFUSED');
    assert.equal(hidden.error.message, 'line break');
  });
});

describe('decodeHello', () => {
  it('names both ranges where no version is common, before it looks at anything else', () => {
    assert.throws(() => decodeHello(body({ min: 4, max: 9, build: 17 }), OWN), {
      code: 'CW_WIRE_VERSION',
      message: /versions 1 to 3.*4 to 9/,
    });
    assert.equal(commonVersion(OWN, { min: 2, max: 9 }), 3);
    assert.equal(commonVersion(OWN, { min: 0, max: 1 }), 1);
    assert.throws(() => commonVersion(OWN, { min: 3, max: 2 }), { code: 'CW_WIRE_VERSION' });
  });

  it('refuses members of the wrong kind or size, and control characters', () => {
    const good = {
      min: 1,
      max: 1,
      build: 'b',
      host: 'h',
      platform: 'p',
      group: null,
      session: new Uint8Array(16),
      resume: false,
      received: 0,
      integrity: 'tls',
    };
    assert.equal(decodeHello(body(good), OWN).kind, 'hello');
    const bad = [
      { session: new Uint8Array(15) },
      { received: -1 },
      { received: 1.5 },
      { integrity: 'none' },
      { resume: 1 },
      { host: 'a\nb' },
      { host: 'x'.repeat(300) },
      { proof: new Uint8Array(31) },
      { min: -1 },
      { group: 7 },
      { error: 'no map' },
      { error: { code: 'CW_LINK_BUSY', message: '\u001b]0;x' } },
      { incarnation: new Uint8Array(1) },
    ];
    for (const change of bad) {
      assert.throws(
        () => decodeHello(body({ ...good, ...change }), OWN),
        { code: 'CW_WIRE_MALFORMED' },
        JSON.stringify(change),
      );
    }
  });

  it('lets a peer choose only among the codes of a refusal', () => {
    const told = body({ min: 1, max: 1, error: { code: 'CW_INTERNAL', message: 'x' } });
    assert.equal((decodeHello(told, OWN) as Refusal).error.code, 'CW_LINK_REFUSED');
  });
});

describe('the checksum of a hello', () => {
  it('finds every flipped bit: none gives another hello', () => {
    const good = encodeHello(HELLO);
    for (let bit = 0; bit < good.byteLength * 8; bit += 1) {
      const bad = good.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      const outcome = () => {
        const length = decodeHelloHeader(bad.subarray(0, HELLO_HEADER_BYTES));
        const followed = concat([bad, new Uint8Array(length)]); // a longer one takes what comes after it
        return decodeHello(followed.subarray(HELLO_HEADER_BYTES, HELLO_HEADER_BYTES + length), OWN);
      };
      assert.throws(outcome, { code: /^CW_WIRE_(CRC|MAGIC|TOO_LARGE|TRUNCATED)$/ }, `bit ${bit}`);
    }
  });
});

describe('decodeHelloHeader', () => {
  it('says what a foreign peer speaks', () => {
    const cases: [Uint8Array, RegExp][] = [
      [utf8('GET / HTTP/1.1'), /HTTP/],
      [utf8('SSH-2.0-OpenSSH'), /SSH/],
      [fromHex('16030100f0010000ec0303'), /TLS/],
      [fromHex('00000000000000000000'), /unknown bytes/],
    ];
    for (const [bytes, message] of cases) {
      assert.throws(() => decodeHelloHeader(bytes.subarray(0, HELLO_HEADER_BYTES)), {
        code: 'CW_WIRE_MAGIC',
        message,
      });
    }
  });

  it('refuses a length above the limit', () => {
    const header = encodeHello(HELLO).slice(0, HELLO_HEADER_BYTES);
    const tooLong = LIMITS.helloMaxBytes.value + 1;
    header.set([tooLong & 0xff, tooLong >> 8], 8);
    assert.throws(() => decodeHelloHeader(header), { code: 'CW_WIRE_TOO_LARGE' });
  });
});
