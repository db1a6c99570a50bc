import { FolderNames } from './folder_names.ts';
import type { NameFault } from './name_fault.ts';
import type { NameRules } from './name_rules.ts';

export interface PlannedName {
  readonly path: string;
  /** Where it goes, with all folders above it as they are named there. */
  readonly target: string;
  readonly fault: NameFault | null;
}

/** Names that the destination has in a folder, by its path there; none for a folder that is missing. */
export type ExistingNames = (targetFolder: string) => Promise<Iterable<string>>;

export interface NamePlanOptions {
  readonly existing: ExistingNames;
  /** As of FolderNames. */
  readonly renames: boolean;
}

interface OpenFolder {
  readonly path: string;
  readonly target: string;
  readonly names: FolderNames;
}

/**
 * Checks the names of a whole tree before its first byte is copied. Takes paths in the order of a walk, each folder before
 * what it holds; memory holds the names of the folders on the way to the present one, and nothing for destinations that
 * tell all names apart.
 */
export class NamePlan {
  readonly #rules: NameRules;
  readonly #options: NamePlanOptions;
  /** From the top folder to the present one. */
  readonly #open: OpenFolder[] = [];
  /** Where the folder placed last goes: what follows may lie in it. */
  #last: { readonly path: string; readonly target: string } = { path: '', target: '' };

  constructor(rules: NameRules, options: NamePlanOptions) {
    this.#rules = rules;
    this.#options = options;
  }

  async place(path: string): Promise<PlannedName> {
    const cut = path.lastIndexOf('/');
    const folder = await this.#folder(path.slice(0, Math.max(0, cut)));
    const { target: name, fault } = folder.names.place(path.slice(cut + 1));
    const target = folder.target === '' ? name : `${folder.target}/${name}`;
    this.#last = { path, target };
    return { path, target, fault };
  }

  async #folder(path: string): Promise<OpenFolder> {
    while (this.#open.length > 0 && !isWithin(path, this.#open.at(-1)!.path)) this.#open.pop();
    const top = this.#open.at(-1);
    if (top?.path === path) return top;
    const target = path === this.#last.path ? this.#last.target : path;
    const existing = await this.#options.existing(target);
    const names = new FolderNames(this.#rules, { existing, renames: this.#options.renames });
    const folder: OpenFolder = { path, target, names };
    this.#open.push(folder);
    return folder;
  }
}

function isWithin(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}
