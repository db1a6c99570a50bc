import { concat, utf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { boolean, bytes, mapOf, text, uint } from './fields.ts';

/** A build of the agent that a host offers to one of its machines. */
export interface AgentOffer {
  /** `0.1.0-…`: the version and the begin of the hash. */
  readonly buildId: string;
  readonly version: string;
  readonly sizeBytes: number;
  /** BLAKE3 of the module, 32 bytes. */
  readonly hash: Uint8Array;
  /** What its native code is for: `linux-x64`. */
  readonly platform: string;
  /** The Node that it was made for. */
  readonly nodeMajor: number;
  /** Fingerprint of the agent that it is meant for: it is worth nothing to another. */
  readonly agent: string;
  readonly allowDowngrade: boolean;
}

export const SIGNATURE_BYTES = 64;
const LABEL = utf8('causeway agent offer 1\n');
const BUILD_ID = /^[0-9A-Za-z][0-9A-Za-z.-]{0,99}$/;
const VERSION = /^\d{1,9}\.\d{1,9}\.\d{1,9}$/;

export function encodeAgentOffer(offer: AgentOffer): Uint8Array {
  return encodeCbor({ ...offer });
}

/** CW_WIRE_MALFORMED, CW_LIMIT where the module is too large. */
export function decodeAgentOffer(encoded: Uint8Array): AgentOffer {
  const fields = mapOf(decodeCbor(encoded), 'the offer');
  const offer: AgentOffer = {
    buildId: text(fields, 'buildId', 100),
    version: text(fields, 'version', 32),
    sizeBytes: uint(fields, 'sizeBytes'),
    hash: bytes(fields, 'hash', 32),
    platform: text(fields, 'platform', 64),
    nodeMajor: uint(fields, 'nodeMajor', 0xffff),
    agent: text(fields, 'agent', 64),
    allowDowngrade: boolean(fields, 'allowDowngrade'),
  };
  if (!BUILD_ID.test(offer.buildId) || !VERSION.test(offer.version))
    throw new CausewayError('CW_WIRE_MALFORMED', 'the offer has no proper build or version');
  if (offer.sizeBytes === 0 || offer.sizeBytes > LIMITS.agentModuleMaxBytes.value)
    throw new CausewayError('CW_LIMIT', `an agent of ${offer.sizeBytes} bytes is not taken`);
  return offer;
}

/** What the host's device key signs. */
export function signedPartOf(encoded: Uint8Array): Uint8Array {
  return concat([LABEL, encoded]);
}

/** Below 0 where `a` is older than `b`. Both are `MAJOR.MINOR.PATCH`, whatever stands behind a hyphen is left out. */
export function compareVersions(a: string, b: string): number {
  const numbers = (version: string) => (version.split('-')[0] ?? '').split('.').map(Number);
  const [one, two] = [numbers(a), numbers(b)];
  for (let at = 0; at < 3; at += 1) {
    const difference = (one[at] ?? 0) - (two[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
