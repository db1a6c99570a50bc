import { concat, equalBytes } from '../base/bytes.ts';
import { CausewayError, type ErrorCode, isErrorCode } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import type { CborMap } from './cbor_value.ts';
import { crc32c } from './crc32c.ts';
import { boolean, bytes, map, mapOf, nullable, oneOf, optional, text, uint } from './fields.ts';

/**
 * The hello: the first message of each side on a new carrier, after TLS. Ten bytes of header (an eight-byte magic that
 * a terminal's newline translation damages, and the length of the rest as u16 little endian), then one CBOR map and its
 * CRC32C: on a carrier without TLS a flipped bit in a count would make the peers resume at different places.
 */
const CHECKSUM_BYTES = 4;
const MAGIC = Uint8Array.from([0x43, 0x57, 0x41, 0x59, 0x01, 0x0d, 0x0a, 0x00]); // CWAY\x01\r\n\0
export const HELLO_HEADER_BYTES = MAGIC.byteLength + 2;

export const SESSION_ID_BYTES = 16;
export const PROOF_BYTES = 32;

export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** The protocol versions that this build speaks. */
export const PROTOCOL_VERSIONS: VersionRange = { min: 1, max: 1 };

/** Who protects the bytes of the session: TLS, or a CRC32C on each record. */
export type Integrity = 'tls' | 'crc32c';

/** What a side says of itself. Text without control characters, for people only: no decision rests on it. */
export interface HelloIdentity {
  readonly buildId: string;
  readonly hostName: string;
  readonly platform: string;
  /** Key exchange group of this TLS connection; only the TLS client learns it from its library. Null without TLS. */
  readonly tlsGroup: string | null;
}

/** The session that the dialling side asks for; in the answer: the session that the carrier now belongs to. */
export interface HelloSession {
  readonly id: Uint8Array;
  /** Dialler: it holds this session. Acceptor: it held it too and goes on with it. */
  readonly resume: boolean;
  /** Reliable bytes of the session that this side has received; 0 for a new one. */
  readonly receivedBytes: number;
  /**
   * Drawn once by a dialling process and sent with all its sessions: sessions of an earlier incarnation that have no
   * carrier are over, nobody is left to resume them. Absent where the dialler does not say.
   */
  readonly incarnation?: Uint8Array;
}

export interface Hello {
  readonly kind: 'hello';
  readonly versions: VersionRange;
  readonly who: HelloIdentity;
  readonly session: HelloSession;
  readonly integrity: Integrity;
  /** HMAC of a pairing secret, from a dialling side that is not pinned yet. */
  readonly proof: Uint8Array | null;
}

/** The accepting side's last word. */
export interface Refusal {
  readonly kind: 'refusal';
  readonly versions: VersionRange;
  readonly error: CausewayError;
}

const TEXT_MAX_BYTES = { build: 128, host: 255, platform: 64, group: 64, message: 1024 } as const;

/** What a peer may make this side report; any other code becomes CW_LINK_REFUSED. */
const REFUSAL_CODES: readonly ErrorCode[] = [
  'CW_WIRE_MAGIC',
  'CW_WIRE_VERSION',
  'CW_WIRE_CRC',
  'CW_WIRE_TRUNCATED',
  'CW_WIRE_TOO_LARGE',
  'CW_WIRE_MALFORMED',
  'CW_LINK_BUSY',
  'CW_LINK_REFUSED',
  'CW_PAIR_TOKEN_WRONG',
  'CW_PAIR_TOKEN_USED',
  'CW_PAIR_TOKEN_EXPIRED',
  'CW_PAIR_REQUIRED',
  'CW_PAIR_KEY_CHANGED',
];

/** Header, map and checksum. Text about this side is cut and cleaned to what the decoder accepts. */
export function encodeHello(message: Hello | Refusal): Uint8Array {
  const map = encodeCbor(message.kind === 'hello' ? helloMap(message) : refusalMap(message));
  const sizeBytes = map.byteLength + CHECKSUM_BYTES;
  if (sizeBytes > LIMITS.helloMaxBytes.value) throw tooLarge(sizeBytes);
  return concat([MAGIC, Uint8Array.from([sizeBytes & 0xff, sizeBytes >> 8]), map, checksumOf(map)]);
}

function helloMap(hello: Hello): CborMap {
  return {
    min: hello.versions.min,
    max: hello.versions.max,
    build: printable(hello.who.buildId, TEXT_MAX_BYTES.build),
    host: printable(hello.who.hostName, TEXT_MAX_BYTES.host),
    platform: printable(hello.who.platform, TEXT_MAX_BYTES.platform),
    group: hello.who.tlsGroup === null ? null : printable(hello.who.tlsGroup, TEXT_MAX_BYTES.group),
    session: hello.session.id,
    resume: hello.session.resume,
    received: hello.session.receivedBytes,
    incarnation: hello.session.incarnation,
    integrity: hello.integrity,
    proof: hello.proof ?? undefined,
  };
}

function refusalMap(refusal: Refusal): CborMap {
  const { error, versions } = refusal;
  const code = REFUSAL_CODES.includes(error.code) ? error.code : 'CW_LINK_REFUSED';
  return {
    min: versions.min,
    max: versions.max,
    error: { code, message: printable(error.message, TEXT_MAX_BYTES.message) },
  };
}

function checksumOf(map: Uint8Array): Uint8Array {
  const checksum = new Uint8Array(CHECKSUM_BYTES);
  new DataView(checksum.buffer).setUint32(0, crc32c(map), true);
  return checksum;
}

/**
 * Length of what follows a header of {@link HELLO_HEADER_BYTES} bytes. CW_WIRE_MAGIC for a foreign protocol,
 * CW_WIRE_TOO_LARGE above `LIMITS.helloMaxBytes`.
 */
export function decodeHelloHeader(header: Uint8Array): number {
  if (!equalBytes(header.subarray(0, MAGIC.byteLength), MAGIC)) {
    throw new CausewayError('CW_WIRE_MAGIC', `the other side does not speak this protocol: ${guess(header)}`);
  }
  const length = (header[8] as number) | ((header[9] as number) << 8);
  if (length > LIMITS.helloMaxBytes.value) throw tooLarge(length);
  return length;
}

/**
 * The map of a hello, with its checksum behind it (CW_WIRE_CRC). The versions are looked at before anything else, so that a peer of another time is told apart
 * from a damaged one: CW_WIRE_VERSION names both ranges. CW_WIRE_MALFORMED, CW_WIRE_TRUNCATED for the rest.
 */
export function decodeHello(body: Uint8Array, own: VersionRange): Hello | Refusal {
  const fields = mapOf(decodeCbor(checked(body)), 'the hello');
  const versions = { min: uint(fields, 'min', 0xffff), max: uint(fields, 'max', 0xffff) };
  commonVersion(own, versions);
  const failure = optional(fields, 'error', map);
  if (failure !== undefined) return { kind: 'refusal', versions, error: readError(failure) };
  return {
    kind: 'hello',
    versions,
    who: {
      buildId: plainText(fields, 'build', TEXT_MAX_BYTES.build),
      hostName: plainText(fields, 'host', TEXT_MAX_BYTES.host),
      platform: plainText(fields, 'platform', TEXT_MAX_BYTES.platform),
      tlsGroup: nullable(fields, 'group', (m, name) => plainText(m, name, TEXT_MAX_BYTES.group)),
    },
    session: readSession(fields),
    integrity: oneOf(fields, 'integrity', ['tls', 'crc32c']),
    proof: optional(fields, 'proof', (m, name) => bytes(m, name, PROOF_BYTES)) ?? null,
  };
}

function checked(body: Uint8Array): Uint8Array {
  if (body.byteLength < CHECKSUM_BYTES) {
    throw new CausewayError('CW_WIRE_TRUNCATED', 'a hello ends before its checksum');
  }
  const map = body.subarray(0, body.byteLength - CHECKSUM_BYTES);
  if (equalBytes(checksumOf(map), body.subarray(map.byteLength))) return map;
  throw new CausewayError('CW_WIRE_CRC', 'a hello was damaged on the way');
}

function readSession(fields: CborMap): HelloSession {
  const session = {
    id: bytes(fields, 'session', SESSION_ID_BYTES),
    resume: boolean(fields, 'resume'),
    receivedBytes: uint(fields, 'received'),
  };
  const incarnation = optional(fields, 'incarnation', (m, name) => bytes(m, name, SESSION_ID_BYTES));
  return incarnation === undefined ? session : { ...session, incarnation };
}

/** The highest version of both ranges; CW_WIRE_VERSION, naming both, where they do not meet. */
export function commonVersion(own: VersionRange, peer: VersionRange): number {
  const version = Math.min(own.max, peer.max);
  if (version >= Math.max(own.min, peer.min)) return version;
  throw new CausewayError(
    'CW_WIRE_VERSION',
    `this side speaks protocol versions ${own.min} to ${own.max}, the other side ${peer.min} to ${peer.max}`,
  );
}

function readError(fields: CborMap): CausewayError {
  const code = text(fields, 'code', 64);
  const known = isErrorCode(code) && REFUSAL_CODES.includes(code);
  const message = plainText(fields, 'message', TEXT_MAX_BYTES.message);
  return new CausewayError(known ? code : 'CW_LINK_REFUSED', message);
}

/** Control and formatting characters could rewrite a terminal's line: a peer that sends them is not believed at all. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const ALL_UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function plainText(fields: CborMap, name: string, maxBytes: number): string {
  const value = text(fields, name, maxBytes);
  if (UNPRINTABLE.test(value)) {
    throw new CausewayError('CW_WIRE_MALFORMED', `member ${name} has control characters`);
  }
  return value;
}

function printable(value: string, maxBytes: number): string {
  const clean = [...value.toWellFormed().replace(ALL_UNPRINTABLE, ' ')];
  let sizeBytes = 0;
  const kept = clean.findIndex((character) => {
    sizeBytes += Buffer.byteLength(character);
    return sizeBytes > maxBytes;
  });
  return (kept < 0 ? clean : clean.slice(0, kept)).join('');
}

function tooLarge(sizeBytes: number): CausewayError {
  const limit = LIMITS.helloMaxBytes.value;
  return new CausewayError(
    'CW_WIRE_TOO_LARGE',
    `a hello of ${sizeBytes} bytes is above the limit of ${limit}`,
  );
}

/** What the foreign bytes look like, for the person who typed the wrong address. */
function guess(header: Uint8Array): string {
  if (header[0] === 0x16 && header[1] === 0x03)
    return 'it starts TLS, this side does not (see --trust-carrier)';
  if (header[0] === 0x15 && header[1] === 0x03) return 'it answers with a TLS alert';
  const ascii = String.fromCharCode(...header.subarray(0, HELLO_HEADER_BYTES));
  if (/^(GET|PUT|POST|HEAD|OPTIONS|CONNECT) |^HTTP\//.test(ascii)) return 'it speaks HTTP';
  if (ascii.startsWith('SSH-')) return 'it speaks SSH';
  return 'unknown bytes';
}
