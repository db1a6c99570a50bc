/** Zeros to compare with, a piece of the size that comparing gains nothing from exceeding. */
const ZEROS = new Uint8Array(64 * 1024);
/** Bytes looked at one by one first: most data shows itself there, which spares the call. */
const PROBE_BYTES = 16;

/** Whether every byte is 0; true for no bytes. Data is told from zeros after a few bytes, zeros by memcmp. */
export function isAllZero(bytes: Uint8Array): boolean {
  return isZeroRange(bytes, 0, bytes.byteLength);
}

/** As {@link isAllZero}, of the bytes from `from` to before `to`. */
export function isZeroRange(bytes: Uint8Array, from: number, to: number): boolean {
  const probeEnd = Math.min(to, from + PROBE_BYTES);
  for (let at = from; at < probeEnd; at += 1) if (bytes[at] !== 0) return false;
  if (probeEnd < to && bytes[to - 1] !== 0) return false;
  for (let at = probeEnd; at < to; at += ZEROS.byteLength) {
    const end = Math.min(to, at + ZEROS.byteLength);
    if (Buffer.compare(bytes.subarray(at, end), ZEROS.subarray(0, end - at)) !== 0) return false;
  }
  return true;
}
