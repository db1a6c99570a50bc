import { encode, renderSVG } from 'uqr';
import { LIMITS } from '../../base/limits.ts';
import { toBase32 } from './base32.ts';
import { TOTP_DIGITS } from './totp.ts';

/** Four modules of white around it, as ISO/IEC 18004 asks for. */
const QUIET_MODULES = 4;

/** The URI that authenticators read (Key Uri Format of Google Authenticator). */
export function otpauthUri(issuer: string, account: string, secret: Uint8Array): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  const period = LIMITS.totpStepMs.value / 1_000;
  const parameters = [
    `secret=${toBase32(secret)}`,
    `issuer=${encodeURIComponent(issuer)}`,
    'algorithm=SHA1',
    `digits=${TOTP_DIGITS}`,
    `period=${period}`,
  ];
  return `otpauth://totp/${label}?${parameters.join('&')}`;
}

/** A QR code of half blocks: two modules a character, dark on light whatever colours the terminal has. */
export function qrForTerminal(text: string): string {
  const { data, size } = encode(text, { border: QUIET_MODULES, ecc: 'M' });
  const isDark = (row: number, column: number): boolean => data[row]?.[column] ?? false;
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) {
    let line = '';
    for (let column = 0; column < size; column += 1) {
      line += BLOCKS[(isDark(row, column) ? 2 : 0) + (isDark(row + 1, column) ? 1 : 0)];
    }
    lines.push(`${BLACK_ON_WHITE}${line}${RESET}`);
  }
  return lines.join('\n');
}

const BLOCKS = [' ', '▄', '▀', '█'] as const;
const BLACK_ON_WHITE = '\u001b[30;47m';
const RESET = '\u001b[0m';

/** The same as an SVG picture. */
export function qrSvg(text: string): string {
  return renderSVG(text, { border: QUIET_MODULES, ecc: 'M' });
}
