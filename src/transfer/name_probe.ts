import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Name, parseName } from '../base/path.ts';
import { type NameCase, type NameCharacters, type NameRules, POSIX_NAMES } from '../tree/names/name_rules.ts';
import type { Dir } from '../world/disk.ts';
import type { Job } from '../world/offload.ts';

/** Names of which Windows takes none; it drops what the last two end with. */
const OF_WINDOWS = ['a?b', 'a|b', 'a"b', 'a<b', 'a*b', 'con', 'nul.txt', 'a.', 'a '];
const COMPOSED = '\u00e9';
const DECOMPOSED = 'e\u0301';

export interface FoundRules {
  readonly rules: NameRules;
  /** Whether entries are listed as they were named; else one that is listed says nothing of how it was named. */
  readonly keepsCase: boolean;
}

/** Finds out which names a folder takes, by making entries of such names in it; it is empty before and after. Throws CW_DISK_*. */
export const probeNamesJob: Job<{ readonly dir: Dir }, FoundRules> = {
  name: 'probe-names',
  async run({ dir }) {
    await empty(dir);
    const rules: NameRules = {
      characters: await charactersOf(dir),
      case: await caseOf(dir),
      formInsensitive: await isSame(dir, COMPOSED, DECOMPOSED),
      maxLength: await longestOf(dir),
      lengthUnit: 'utf8',
    };
    return { rules, keepsCase: await isKept(dir, 'Ab') };
  },
};

/** Whether these rules fit every name there is in a plan. */
export function isPlain(rules: NameRules): boolean {
  const { characters, case: nameCase, formInsensitive, maxLength } = rules;
  return (
    characters === 'posix' && nameCase === 'exact' && !formInsensitive && maxLength >= POSIX_NAMES.maxLength
  );
}

/** Removes all files of a folder, as far as they can be removed. */
export async function empty(dir: Dir): Promise<void> {
  for await (const { name } of dir.list()) if (name !== null) await dir.removeFile(name);
}

async function charactersOf(dir: Dir): Promise<NameCharacters> {
  for (const name of OF_WINDOWS) if (!(await isKept(dir, name))) return 'windows';
  return (await isKept(dir, 'a:b')) ? 'posix' : 'macos';
}

async function caseOf(dir: Dir): Promise<NameCase> {
  if (await isSame(dir, 'stra\u00dfe', 'STRASSE')) return 'full';
  return (await isSame(dir, 'a', 'A')) ? 'simple' : 'exact';
}

async function longestOf(dir: Dir): Promise<number> {
  let fits = 0;
  let tooLong = LIMITS.nameMaxBytes.value + 1;
  for (let length = tooLong - 1; fits + 1 < tooLong; length = Math.floor((fits + tooLong) / 2)) {
    if (await isMade(dir, parseName('x'.repeat(length)))) fits = length;
    else tooLong = length;
  }
  return fits;
}

/** Whether an entry of that name can be made and then has exactly it. */
async function isKept(dir: Dir, text: string): Promise<boolean> {
  const name = parseName(text);
  if (!(await make(dir, name))) return false;
  const names = new Set<string>();
  for await (const { rawName } of dir.list()) names.add(rawName);
  await dir.removeFile(name);
  return names.has(text);
}

async function isMade(dir: Dir, name: Name): Promise<boolean> {
  if (!(await make(dir, name))) return false;
  await dir.removeFile(name);
  return true;
}

/** Whether two names lead to the same entry. */
async function isSame(dir: Dir, one: string, other: string): Promise<boolean> {
  const name = parseName(one);
  if (!(await make(dir, name))) return false;
  const found = await dir.stat(parseName(other)).then(
    () => true,
    () => false,
  );
  await dir.removeFile(name);
  return found;
}

/** False where the name is refused; what has to do with the device and not with the name is thrown. */
async function make(dir: Dir, name: Name): Promise<boolean> {
  try {
    const file = await dir.openFile(name, 'create', 0o600);
    await file.close();
    return true;
  } catch (failure) {
    const error = asCausewayError(failure);
    if (NOT_THE_NAME.has(error.code)) throw error;
    return false;
  }
}

const NOT_THE_NAME: ReadonlySet<string> = new Set([
  'CW_DISK_FULL',
  'CW_DISK_QUOTA',
  'CW_DISK_READ_ONLY',
  'CW_DISK_IO',
]);
