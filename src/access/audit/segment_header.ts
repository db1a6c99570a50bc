import { concat } from '../../base/bytes.ts';
import { AEAD_NONCE_BYTES, type Aead } from '../../world/cryptography.ts';
import { chainAfterOf, chainItems } from './chain.ts';
import {
  decodeHeaderFields,
  encodeHeaderFields,
  HEADER_BYTES,
  HEADER_PROVEN_BYTES,
  type HeaderFields,
} from './layout.ts';

/** The bytes that a segment begins with, and the chain value after them. */
export function sealHeader(
  aead: Aead,
  dataKey: Uint8Array,
  nonce: Uint8Array,
  fields: HeaderFields,
): { readonly bytes: Uint8Array; readonly chainAfter: Uint8Array } {
  const proven = encodeHeaderFields(fields);
  const bytes = concat([proven, nonce, aead.seal(dataKey, nonce, new Uint8Array(0), proven)]);
  return { bytes, chainAfter: chainItems(fields.chainBefore, [bytes]).chainAfter };
}

export interface OpenedHeader {
  readonly fields: HeaderFields;
  readonly dataKey: Uint8Array;
  /** Null where the tag is wrong: the key was right, and something else of the header is not. */
  readonly chainAfter: Uint8Array | null;
}

/** The header of a segment; null where it is none or its key cannot be opened: nothing of the segment can be read then. */
export function openHeader(
  aead: Aead,
  bytes: Uint8Array,
  unwrap: (fields: HeaderFields) => Uint8Array | null,
): OpenedHeader | null {
  const fields = decodeHeaderFields(bytes);
  const dataKey = fields && unwrap(fields);
  if (!fields || !dataKey) return null;
  const header = bytes.subarray(0, HEADER_BYTES);
  const nonce = header.subarray(HEADER_PROVEN_BYTES, HEADER_PROVEN_BYTES + AEAD_NONCE_BYTES);
  const tag = header.subarray(HEADER_PROVEN_BYTES + AEAD_NONCE_BYTES);
  const isRight = aead.open(dataKey, nonce, tag, header.subarray(0, HEADER_PROVEN_BYTES)) !== null;
  const chainAfter = isRight ? chainAfterOf(chainItems(fields.chainBefore, [header]).text) : null;
  return { fields, dataKey, chainAfter };
}
