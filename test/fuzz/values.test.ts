import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat, equalBytes, utf8 } from '../../src/base/bytes.ts';
import { hashBytes } from '../../src/base/hash.ts';
import { decodeCbor, encodeCbor } from '../../src/wire/cbor.ts';
import {
  decodeCopyOpening,
  decodeLaneOpening,
  decodeSinkMessage,
  decodeSourceMessage,
  encodeCopyMessage,
  encodeCopyOpening,
  encodeLaneOpening,
} from '../../src/wire/copy_messages.ts';
import { crc32c } from '../../src/wire/crc32c.ts';
import {
  decodeHello,
  decodeHelloHeader,
  encodeHello,
  HELLO_HEADER_BYTES,
  PROTOCOL_VERSIONS,
} from '../../src/wire/hello.ts';
import { decodeReason, encodeReason } from '../../src/wire/reason.ts';
import { encodeToken, parseToken } from '../../src/wire/token.ts';
import { loadVectors } from '../golden/vectors.ts';
import { goldenBytes } from './corpus.ts';
import { fuzz, RUNS, SEED, type Target, WIRE_CODES } from './harness.ts';

/** A decoder whose good results survive another trip. */
function stable<T>(
  name: string,
  corpus: Uint8Array[],
  decode: (bytes: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
): Target {
  const decodeTwice = (bytes: Uint8Array): void => {
    const value = decode(bytes);
    assert.deepEqual(decode(encode(value)), value);
  };
  return { name, corpus, decode: decodeTwice, codes: WIRE_CODES };
}

const copyCorpus = (layout: string) => goldenBytes('copy_messages', (vector) => vector.layout === layout);

function decodeWholeHello(bytes: Uint8Array) {
  const length = decodeHelloHeader(bytes.subarray(0, HELLO_HEADER_BYTES));
  return decodeHello(bytes.subarray(HELLO_HEADER_BYTES, HELLO_HEADER_BYTES + length), PROTOCOL_VERSIONS);
}

/** Every accepted encoding is the one that the encoder gives: there is one form only. */
const cbor: Target = {
  name: 'cbor',
  corpus: goldenBytes('cbor').concat(copyCorpus('source'), copyCorpus('sink')),
  decode: (bytes) => {
    const copy = bytes.slice();
    const value = decodeCbor(bytes);
    assert.ok(equalBytes(encodeCbor(value), copy), 'the accepted form is the only one');
  },
  codes: WIRE_CODES,
};

const HELLO_MAGIC = (goldenBytes('hello')[0] as Uint8Array).subarray(0, 8);

const hello: Target = {
  name: 'hello',
  corpus: goldenBytes('hello'),
  decode: (bytes) => {
    const message = decodeWholeHello(bytes);
    // the text of a refusal holds a stack, which differs: only hellos are compared
    if (message.kind === 'hello') assert.deepEqual(decodeWholeHello(encodeHello(message)), message);
  },
  codes: WIRE_CODES,
  repair: (bytes) => {
    const map = bytes.subarray(HELLO_HEADER_BYTES, -4);
    const size = map.byteLength + 4;
    const checksum = new Uint8Array(Uint32Array.of(crc32c(map)).buffer);
    return concat([HELLO_MAGIC, Uint8Array.of(size & 0xff, (size >> 8) & 0xff), map, checksum]);
  },
};

const PREFIX = 'cw1-';
const tokenVectors = loadVectors<{ valid: { text: string }[]; invalid: { text: string }[] }>('token');

const token: Target = {
  name: 'token',
  corpus: [...tokenVectors.valid, ...tokenVectors.invalid].map(({ text }) => utf8(text)),
  decode: (bytes) => {
    const parsed = parseToken(Buffer.from(bytes).toString('latin1'));
    assert.deepEqual(parseToken(encodeToken(parsed)), parsed);
  },
  codes: /^CW_PAIR_TOKEN_MALFORMED$/,
  repair: (bytes) => {
    const body = Buffer.from(
      Buffer.from(bytes).toString('latin1').slice(PREFIX.length),
      'base64url',
    ).subarray(0, -4);
    return utf8(PREFIX + Buffer.from(concat([body, hashBytes(body).subarray(0, 4)])).toString('base64url'));
  },
};

const TARGETS: readonly Target[] = [
  cbor,
  hello,
  token,
  stable('copy opening', copyCorpus('opening'), decodeCopyOpening, encodeCopyOpening),
  stable('lane opening', copyCorpus('laneOpening'), decodeLaneOpening, encodeLaneOpening),
  stable('source message', copyCorpus('source'), decodeSourceMessage, encodeCopyMessage),
  stable('sink message', copyCorpus('sink'), decodeSinkMessage, encodeCopyMessage),
  {
    name: 'reason',
    corpus: goldenBytes('reason'),
    decode: (bytes) => void encodeReason(decodeReason(bytes, 'CW_LINK_CLOSED')),
    codes: WIRE_CODES,
  },
];

console.log(`SEED=${SEED} FUZZ_RUNS=${RUNS}`);
for (const target of TARGETS) {
  test(`${target.name}: a value or a named error`, () => {
    const { accepted } = fuzz(target);
    assert.ok(accepted > 0, 'some inputs get through, so that what is behind the checks is tried too');
  });
}
