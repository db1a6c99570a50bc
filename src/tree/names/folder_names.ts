import { assert } from '../../base/assert.ts';
import { looksMade, makeName, TAG_DIGITS } from './name_code.ts';
import { type NameFault, nameFault } from './name_fault.ts';
import { type NameRules, sameNameKey } from './name_rules.ts';

export interface FolderNamesOptions {
  /** The names that the destination folder has. */
  readonly existing?: Iterable<string>;
  /** Entries whose own name does not fit get another; else they are reported only. */
  readonly renames: boolean;
}

/** What becomes of an entry at the destination. */
export interface PlacedName {
  /** Its name there; its own where nothing is renamed. */
  readonly target: string;
  /** What is wrong with its own name there; null where nothing is. */
  readonly fault: NameFault | null;
}

/**
 * The names of one folder at its destination. Entries are placed one after the other, in the same order in every copy; of
 * several that are the same name there, the one that the destination has already keeps its name, else the first.
 */
export class FolderNames {
  readonly #rules: NameRules;
  readonly #renames: boolean;
  /** By key: the exact name that has it. */
  readonly #taken = new Map<string, string>();
  /** Whether two different names can be the same: otherwise nothing needs to be remembered. */
  readonly #canClash: boolean;

  constructor(rules: NameRules, options: FolderNamesOptions) {
    const { existing = [], renames } = options;
    this.#rules = rules;
    this.#renames = renames;
    this.#canClash = rules.case !== 'exact' || rules.formInsensitive;
    if (this.#canClash) for (const name of existing) this.#taken.set(sameNameKey(name, rules), name);
  }

  /** Finds the place of an entry and keeps it. Every name of the folder is given once. */
  place(name: string): PlacedName {
    const fault = nameFault(name, this.#rules) ?? this.#clash(name);
    if (!this.#renames || (fault === null && !looksMade(name))) {
      if (fault === null) this.#take(name);
      return { target: name, fault };
    }
    for (const digits of TAG_DIGITS) {
      const target = makeName(name, this.#rules, digits);
      if (!this.#isFree(target)) continue;
      this.#take(target);
      return { target, fault };
    }
    assert(false, 'no two names share half of their hash');
  }

  #clash(name: string): NameFault | null {
    if (this.#isFree(name)) return null;
    const other = this.#taken.get(sameNameKey(name, this.#rules));
    return { kind: 'clash', why: `is the same name as ${JSON.stringify(other)} at the destination` };
  }

  /** Free for this name: nothing has its key, or exactly this name has, which is then its own of an earlier copy. */
  #isFree(name: string): boolean {
    if (!this.#canClash) return true;
    const holder = this.#taken.get(sameNameKey(name, this.#rules));
    return holder === undefined || holder === name;
  }

  #take(name: string): void {
    if (this.#canClash) this.#taken.set(sameNameKey(name, this.#rules), name);
  }
}
