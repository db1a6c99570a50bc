import { lengthOf, type NameRules } from './name_rules.ts';

export type NameFaultKind = 'character' | 'ending' | 'reserved' | 'length' | 'clash';

/** Why a destination cannot hold a name. */
export interface NameFault {
  readonly kind: NameFaultKind;
  /** In words, to follow the name. */
  readonly why: string;
}

/** Of Windows: what no name holds (Microsoft, "Naming Files, Paths, and Namespaces"). */
const WINDOWS_ILLEGAL = /[<>:"/\\|?*\u0000-\u001f]/u;
/** Devices that Windows finds in every folder, whatever follows the first dot. */
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)/iu;
const POSIX_ILLEGAL = /[/\0]/u;
const MACOS_ILLEGAL = /[/:\0]/u;

/** The first character that the destination refuses anywhere in a name; null where there is none. */
export function illegalCharacter(text: string, rules: NameRules): string | null {
  const illegal = { posix: POSIX_ILLEGAL, windows: WINDOWS_ILLEGAL, macos: MACOS_ILLEGAL }[rules.characters];
  return illegal.exec(text)?.[0] ?? null;
}

/** Whether a device of Windows has that name at a destination with its rules. */
export function isReserved(name: string, rules: NameRules): boolean {
  return rules.characters === 'windows' && WINDOWS_DEVICE.test(name);
}

/** Whether a destination with the rules of Windows would drop the last character of the name. */
export function hasDroppedEnding(name: string, rules: NameRules): boolean {
  return rules.characters === 'windows' && /[. ]$/u.test(name);
}

/** What is wrong with a name for itself; clashes are found by FolderNames. Null where the destination can hold it. */
export function nameFault(name: string, rules: NameRules): NameFault | null {
  const character = illegalCharacter(name, rules);
  if (character !== null)
    return {
      kind: 'character',
      why: `holds ${JSON.stringify(character)}, which the destination does not allow`,
    };
  if (isReserved(name, rules)) return { kind: 'reserved', why: 'is a device name at the destination' };
  if (hasDroppedEnding(name, rules))
    return { kind: 'ending', why: 'ends with a dot or a space, which the destination drops' };
  const length = lengthOf(name, rules);
  if (length <= rules.maxLength) return null;
  const unit = rules.lengthUnit === 'utf8' ? 'bytes' : 'UTF-16 units';
  return { kind: 'length', why: `has ${length} ${unit}, and the destination takes ${rules.maxLength}` };
}
