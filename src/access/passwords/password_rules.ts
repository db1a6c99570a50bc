import { utf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';

const DIFFERENT_CHARACTERS_MIN = 5;

/** The bytes of a password that are hashed: composed as NIST SP 800-63B section 3.1.1.2 says, so that keyboards agree. */
export function passwordBytes(password: string): Uint8Array {
  return utf8(password.toWellFormed().normalize('NFKC'));
}

/** False where a password is so long that hashing it would only cost time; no such password can have been set. */
export function isHashable(password: string): boolean {
  // normalisation makes text up to 18 times longer: what is far too long is not even normalised
  if (password.length > LIMITS.passwordMaxBytes.value) return false;
  return passwordBytes(password).byteLength <= LIMITS.passwordMaxBytes.value;
}

/**
 * Refuses a new password that is too short, too long, nearly all one character, or holds the name of the user.
 * CW_PASSWORD_WEAK.
 */
export function checkNewPassword(password: string, userName: string): void {
  const characters = [...password.toWellFormed().normalize('NFKC')];
  const minCharacters = LIMITS.passwordMinCharacters.value;
  if (!isHashable(password)) {
    throw weak(`a password has at most ${LIMITS.passwordMaxBytes.value} bytes`);
  }
  if (characters.length < minCharacters) throw weak(`a password has at least ${minCharacters} characters`);
  if (new Set(characters).size < DIFFERENT_CHARACTERS_MIN) {
    throw weak(`a password has at least ${DIFFERENT_CHARACTERS_MIN} different characters`);
  }
  const rest = characters.join('').toLowerCase().replaceAll(userName.toLowerCase(), '');
  if ([...rest].length < minCharacters / 2) throw weak('a password is more than the name of the user');
}

function weak(message: string): CausewayError {
  return new CausewayError('CW_PASSWORD_WEAK', message);
}
