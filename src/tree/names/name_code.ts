import { fromUtf8, toHex, utf8 } from '../../base/bytes.ts';
import { hashBytes } from '../../base/hash.ts';
import { hasDroppedEnding, illegalCharacter, isReserved } from './name_fault.ts';
import { lengthOf, type NameRules } from './name_rules.ts';

/*
 * Names for entries whose own name a destination cannot hold. `a:b.txt` becomes `a%3Ab~cw7a54e99a.txt`: characters that are
 * refused, and `%`, as the hexadecimal bytes of their UTF-8, then a mark with the start of the BLAKE3 hash of the own name.
 *
 * A name depends on the own name and the rules alone, so that every copy gives the same. The hash keeps names apart that
 * differ in case only, and tells a made name from one that only looks like it: the way back is exact. Only a name that is too
 * long for the destination is cut, has the mark `~cws`, and has no way back but the report of the copy.
 */

/** Hexadecimal digits of the hash: the first, and more where two names of a folder share those. */
export const TAG_DIGITS = [8, 16, 32] as const;
type TagDigits = (typeof TAG_DIGITS)[number];
const CUT_TAG_DIGITS = 16;
/** What programs tell the kind of a file by; anything else behind a dot is a part of the name. */
const EXTENSION = /(?<=.)\.[a-z0-9]{1,15}$/isu;

const MADE = /^(.*)~cw([0-9a-f]{8}|[0-9a-f]{16}|[0-9a-f]{32})(\.[A-Za-z0-9]{1,15})?$/su;
const CUT = new RegExp(`~cws[0-9a-f]{${CUT_TAG_DIGITS}}(?:\\.[A-Za-z0-9]{1,15})?$`, 'su');

const tagOf = (name: string, digits: number): string => toHex(hashBytes(utf8(name))).slice(0, digits);

/** The name that an entry gets where `rules` do not allow its own, or another has it. */
export function makeName(name: string, rules: NameRules, digits: TagDigits = 8): string {
  const { stem, extension } = split(escapeRefused(name, rules));
  const whole = `${stem}~cw${tagOf(name, digits)}${extension}`;
  if (lengthOf(whole, rules) <= rules.maxLength) return whole;
  const end = `~cws${tagOf(name, CUT_TAG_DIGITS)}${extension}`;
  return cut(stem, rules.maxLength - lengthOf(end, rules), rules) + end;
}

/** The own name behind a made one; null where `name` was not made, or was cut. */
export function ownName(name: string): string | null {
  const [, stem = '', tag = '', extension = ''] = MADE.exec(name) ?? [];
  if (tag === '') return null;
  const own = unescapeRefused(stem + extension);
  return own !== null && tagOf(own, tag.length) === tag ? own : null;
}

/** Whether a name was made here, or cannot be told from one that was: an entry of such a name gets a made one itself. */
export function looksMade(name: string): boolean {
  return ownName(name) !== null || CUT.test(name);
}

/** The extension stays at the end; a leading dot begins none. */
function split(name: string): { stem: string; extension: string } {
  const extension = EXTENSION.exec(name)?.[0] ?? '';
  return { stem: name.slice(0, name.length - extension.length), extension };
}

function escapeRefused(name: string, rules: NameRules): string {
  const characters = Array.from(name);
  const last = characters.length - 1;
  return characters
    .map((character, at) => {
      const refused =
        character === '%' ||
        illegalCharacter(character, rules) !== null ||
        (at === last && hasDroppedEnding(name, rules)) ||
        (at === 0 && isReserved(name, rules));
      return refused ? toHex(utf8(character)).toUpperCase().replace(/../g, '%$&') : character;
    })
    .join('');
}

/** Null where a `%` is not followed by two hexadecimal digits, or the bytes are no UTF-8. */
function unescapeRefused(text: string): string | null {
  if (/%(?![0-9A-F]{2})/u.test(text)) return null;
  let valid = true;
  const plain = text.replace(/(?:%[0-9A-F]{2})+/gu, (codes) => {
    const decoded = fromUtf8(Buffer.from(codes.replaceAll('%', ''), 'hex'));
    valid &&= decoded !== null;
    return decoded ?? '';
  });
  return valid ? plain : null;
}

/** As much of the start as fits, never half a character and never half an escape. */
function cut(stem: string, maxLength: number, rules: NameRules): string {
  let kept = '';
  let length = 0;
  for (const piece of stem.match(/%[0-9A-F]{2}|./gsu) ?? []) {
    length += lengthOf(piece, rules);
    if (length > maxLength) break;
    kept += piece;
  }
  return kept;
}
