import { decodeCbor, encodeCbor } from '../../wire/cbor.ts';
import { float, mapOf, uint } from '../../wire/fields.ts';

/** The last item of a segment that was closed: what the segment holds. */
export interface Footer {
  readonly records: number;
  readonly firstSequence: number;
  readonly closedAtMs: number;
}

export function encodeFooter({ records, firstSequence, closedAtMs }: Footer): Uint8Array {
  return encodeCbor({ records, firstSequence, closedAtMs });
}

/** Throws CW_WIRE_MALFORMED and its like. */
export function decodeFooter(bytes: Uint8Array): Footer {
  const fields = mapOf(decodeCbor(bytes), 'a footer');
  return {
    records: uint(fields, 'records'),
    firstSequence: uint(fields, 'firstSequence'),
    closedAtMs: float(fields, 'closedAtMs'),
  };
}
