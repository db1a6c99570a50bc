import { toHex, utf8 } from '../../base/bytes.ts';
import { hashBytes } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import type { AccessPorts } from '../ports.ts';
import { toBase32 } from './base32.ts';

/** 80 bits: nobody guesses one, so that a fast hash protects it at rest. */
const CODE_BYTES = 10;
const FORM = /^[A-Z2-7]{16}$/;

/** New codes for a user without authenticator, `LIMITS.recoveryCodesMax` of them: `ABCD-EFGH-IJKL-MNOP`. */
export function makeRecoveryCodes(random: AccessPorts['random']): string[] {
  return Array.from({ length: LIMITS.recoveryCodesMax.value }, () =>
    (toBase32(random.bytes(CODE_BYTES)).match(/.{4}/g) as string[]).join('-'),
  );
}

/** What is stored of a code, bound to its user; null for what is no such code. Case, hyphens and blanks do not matter. */
export function hashRecoveryCode(userId: string, code: string): string | null {
  const plain = code.replace(/[\s-]/g, '').toUpperCase();
  return FORM.test(plain) ? toHex(hashBytes(utf8(`recovery ${userId} ${plain}`))) : null;
}
