/** Which characters a destination takes in a name. `windows`: also its reserved device names and endings. */
export type NameCharacters = 'posix' | 'windows' | 'macos';

/**
 * Which names a destination takes for the same: `exact` none but equal ones; `simple` those that differ in the case of
 * single UTF-16 units (NTFS, FAT, SMB); `full` those that differ in case by Unicode's full mapping, where ß is SS (APFS,
 * ext4 folders with casefold).
 */
export type NameCase = 'exact' | 'simple' | 'full';

/** What a destination allows as names. */
export interface NameRules {
  readonly characters: NameCharacters;
  readonly case: NameCase;
  /** Whether composed and decomposed forms of a character (NFC, NFD) are the same name. */
  readonly formInsensitive: boolean;
  /** Longest name, in bytes of UTF-8 or in UTF-16 units. */
  readonly maxLength: number;
  readonly lengthUnit: 'utf8' | 'utf16';
}

export const POSIX_NAMES: NameRules = {
  characters: 'posix',
  case: 'exact',
  formInsensitive: false,
  maxLength: 255,
  lengthUnit: 'utf8',
};

export const WINDOWS_NAMES: NameRules = {
  characters: 'windows',
  case: 'simple',
  formInsensitive: false,
  maxLength: 255,
  lengthUnit: 'utf16',
};

export const MACOS_NAMES: NameRules = {
  characters: 'macos',
  case: 'full',
  formInsensitive: true,
  maxLength: 255,
  lengthUnit: 'utf8',
};

/** File systems of Linux that hold names as Windows does. */
const WINDOWS_LIKE = new Set(['vfat', 'exfat', 'cifs', 'smb2']);
/** Those that take any character but count in UTF-16 units. */
const UTF16_COUNTED = new Set(['ntfs', 'ntfs3']);

/**
 * The usual rules of a file system, by what `SpaceInfo.fileSystem` and `ProcessInfo.platform` say. A folder may differ
 * (casefold, a case-sensitive APFS volume): what is refused or mixed up in spite of them is found when it is written.
 */
export function usualNameRules(platform: string, fileSystem: string): NameRules {
  if (platform === 'win32' || WINDOWS_LIKE.has(fileSystem)) return WINDOWS_NAMES;
  if (platform === 'darwin') return MACOS_NAMES;
  return UTF16_COUNTED.has(fileSystem) ? { ...POSIX_NAMES, lengthUnit: 'utf16' } : POSIX_NAMES;
}

/** Two names are the same at the destination when their keys are equal. */
export function sameNameKey(name: string, rules: NameRules): string {
  const formed = rules.formInsensitive ? name.normalize('NFD') : name;
  if (rules.case === 'exact') return formed;
  if (rules.case === 'full') {
    const upper = formed.toLowerCase().toUpperCase(); // the way down first: some capitals have another one, as the Kelvin sign
    return rules.formInsensitive ? upper.normalize('NFD') : upper;
  }
  let upper = '';
  for (let at = 0; at < formed.length; at += 1) {
    const unit = formed.charAt(at);
    const one = unit.toLowerCase().toUpperCase();
    upper += one.length === 1 ? one : unit;
  }
  return upper;
}

export function lengthOf(name: string, rules: NameRules): number {
  return rules.lengthUnit === 'utf16' ? name.length : Buffer.byteLength(name);
}
