import { CausewayError, type ErrorCode, isErrorCode } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { mapOf, text } from './fields.ts';

const CODE_MAX_BYTES = 64;
const MESSAGE_MAX_BYTES = 1024;

/** Why a stream or a session ends: a CBOR map of `code` and `message`, at most LIMITS.reasonMaxBytes. A longer message is cut. */
export function encodeReason(error: CausewayError): Uint8Array {
  return encodeCbor({ code: error.code, message: cutText(error.message) });
}

/** Rebuilds the error; a code that this build does not know becomes `unknownCode`. Throws CW_WIRE_*. */
export function decodeReason(bytes: Uint8Array, unknownCode: ErrorCode): CausewayError {
  if (bytes.byteLength > LIMITS.reasonMaxBytes.value) {
    throw new CausewayError('CW_WIRE_TOO_LARGE', `a reason has ${bytes.byteLength} bytes`);
  }
  const map = mapOf(decodeCbor(bytes), 'reason');
  const code = text(map, 'code', CODE_MAX_BYTES);
  const message = text(map, 'message', MESSAGE_MAX_BYTES);
  return new CausewayError(isErrorCode(code) ? code : unknownCode, message);
}

/** At most MESSAGE_MAX_BYTES of UTF-8, without half characters and lone surrogates, which CBOR text cannot hold. */
function cutText(message: string): string {
  let out = '';
  let sizeBytes = 0;
  for (const character of message.toWellFormed()) {
    sizeBytes += Buffer.byteLength(character);
    if (sizeBytes > MESSAGE_MAX_BYTES) break;
    out += character;
  }
  return out;
}
