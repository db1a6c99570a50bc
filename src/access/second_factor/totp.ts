import { utf8 } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Cryptography, HmacHash } from '../../world/cryptography.ts';

/** 160 bits, as RFC 4226 section 4 recommends. */
export const TOTP_SECRET_BYTES = 20;
/** What every authenticator supports; several ignore another hash or number of digits in the URI. */
export const TOTP_HASH: HmacHash = 'sha1';
export const TOTP_DIGITS = 6;

const TWO_32 = 2 ** 32;

/** The code of one counter value (RFC 4226 section 5.3). */
export function hotp(
  crypto: Cryptography,
  secret: Uint8Array,
  counter: number,
  digits = TOTP_DIGITS,
  hash = TOTP_HASH,
): string {
  const message = new DataView(new ArrayBuffer(8));
  message.setUint32(0, Math.floor(counter / TWO_32));
  message.setUint32(4, counter % TWO_32);
  const mac = crypto.hmac(hash, secret, new Uint8Array(message.buffer));
  const at = (mac[mac.byteLength - 1] as number) & 15;
  const word = new DataView(mac.buffer, mac.byteOffset, mac.byteLength).getUint32(at) & 0x7fff_ffff;
  return String(word % 10 ** digits).padStart(digits, '0');
}

/** The step that a moment lies in (RFC 6238 section 4.2). */
export function totpStep(wallMs: number): number {
  return Math.floor(wallMs / LIMITS.totpStepMs.value);
}

/**
 * The step whose code was given, from `LIMITS.totpStepsAround` before now to as many after, and later than
 * `lastStep`, the last one that was used; null where there is none. The caller stores the step before it lets
 * anybody in, so that no code works twice (RFC 6238 section 5.2).
 */
export function acceptedStep(
  crypto: Cryptography,
  secret: Uint8Array,
  code: string,
  wallMs: number,
  lastStep: number,
): number | null {
  const typed = code.replace(/[\s-]/g, '');
  if (!/^[0-9]{6}$/.test(typed)) return null;
  const now = totpStep(wallMs);
  const around = LIMITS.totpStepsAround.value;
  let accepted: number | null = null;
  for (let step = Math.max(0, now - around); step <= now + around; step += 1) {
    const matches = crypto.equal(utf8(hotp(crypto, secret, step)), utf8(typed)); // all are looked at: constant time
    if (matches && step > lastStep) accepted ??= step;
  }
  return accepted;
}
