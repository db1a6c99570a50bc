import { concat, equalBytes, fromHex, toHex } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { hashBytes } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { bytes, list, mapOf } from './fields.ts';

/**
 * A pairing token as text: `cw1-` and base64url of a CBOR map {addresses, fingerprint, secret} and the first four
 * bytes of its BLAKE3 hash. It is a line that a person copies from one terminal to another.
 */
export interface PairingToken {
  /** `host:port` of the side that issued it, best first; IPv6 in brackets. Empty where the address is given otherwise. */
  readonly addresses: readonly string[];
  /** SHA-256 of the issuer's certificate, lower-case hex. */
  readonly fingerprint: string;
  readonly secret: Uint8Array;
}

export const SECRET_BYTES = 16;
const PREFIX = 'cw1-';
const FINGERPRINT_BYTES = 32;
const CHECKSUM_BYTES = 4;
const ADDRESS_MAX_BYTES = 262;

export function encodeToken(token: PairingToken): string {
  const body = encodeCbor({
    addresses: token.addresses,
    fingerprint: fromHex(token.fingerprint),
    secret: token.secret,
  });
  const whole = concat([body, checksum(body)]);
  return PREFIX + Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).toString('base64url');
}

/** Blanks and line breaks that a terminal added are ignored. CW_PAIR_TOKEN_MALFORMED says what is wrong, never the secret. */
export function parseToken(text: string): PairingToken {
  if (text.length > LIMITS.pairTokenMaxBytes.value) throw malformed('it is too long');
  const packed = text.replace(/\s+/g, '');
  if (!packed.startsWith(PREFIX)) throw malformed(`it does not begin with ${PREFIX}`);
  const encoded = packed.slice(PREFIX.length);
  if (!/^[A-Za-z0-9_-]+$/.test(encoded)) throw malformed('it has characters that no token has');
  const whole = new Uint8Array(Buffer.from(encoded, 'base64url'));
  if (whole.byteLength <= CHECKSUM_BYTES) throw malformed('it is too short');
  const body = whole.subarray(0, whole.byteLength - CHECKSUM_BYTES);
  if (!equalBytes(whole.subarray(body.byteLength), checksum(body))) {
    throw malformed('a character is missing or wrong');
  }
  return decodeBody(body);
}

function decodeBody(body: Uint8Array): PairingToken {
  try {
    const fields = mapOf(decodeCbor(body), 'the token');
    return {
      addresses: list(fields, 'addresses', LIMITS.pairTokenAddressesMax.value, readAddress),
      fingerprint: toHex(bytes(fields, 'fingerprint', FINGERPRINT_BYTES)),
      secret: bytes(fields, 'secret', SECRET_BYTES),
    };
  } catch (cause) {
    throw new CausewayError('CW_PAIR_TOKEN_MALFORMED', 'the pairing token has an unknown form', { cause });
  }
}

/** Splits `host:port`, with brackets around IPv6. CW_PAIR_TOKEN_MALFORMED where it is neither. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([\w.-]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535 || address.length > ADDRESS_MAX_BYTES) {
    throw malformed('an address in it is not of the form host:port');
  }
  return { host, port };
}

function readAddress(item: unknown): string {
  if (typeof item !== 'string') throw malformed('an address in it is no text');
  parseAddress(item);
  return item;
}

function checksum(body: Uint8Array): Uint8Array {
  return hashBytes(body).subarray(0, CHECKSUM_BYTES);
}

function malformed(what: string): CausewayError {
  return new CausewayError('CW_PAIR_TOKEN_MALFORMED', `the pairing token is damaged: ${what}`);
}
