import fs from 'node:fs';
import path from 'node:path';

/** A change, as the watch and the API tell it. */
export interface Told {
  readonly kind: string;
  readonly path?: string | null;
  readonly from?: string | null;
  readonly type?: string | null;
}

const typeOf = (entry: fs.Dirent | fs.Stats) =>
  entry.isDirectory() ? 'directory' : entry.isFile() ? 'file' : entry.isSymbolicLink() ? 'symlink' : 'other';

/** Every path below `root` with its type; links are not followed. */
export function listingOf(root: string, below = '', found = new Map<string, string>()): Map<string, string> {
  for (const entry of fs.readdirSync(path.join(root, below), { withFileTypes: true })) {
    const at = path.join(below, entry.name);
    found.set(at, typeOf(entry));
    if (entry.isDirectory()) listingOf(root, at, found);
  }
  return found;
}

/** What somebody knows of a folder who saw it once and reads its changes. A change that cannot be is an error. */
export class ToldTree {
  readonly entries: Map<string, string>;

  constructor(first: ReadonlyMap<string, string>) {
    this.entries = new Map(first);
  }

  apply(told: Told): void {
    const at = told.path ?? '';
    if (told.kind === 'create') {
      if (this.entries.has(at)) throw new Error(`${at} is made, and is there already`);
      this.#demandParent(at);
      this.entries.set(at, told.type ?? '');
    } else if (told.kind === 'delete') {
      this.#demand(at);
      this.#take(at);
    } else if (told.kind === 'rename') {
      this.#demand(told.from ?? '');
      const moved = this.#take(told.from ?? '');
      this.#take(at);
      this.#demandParent(at);
      for (const [below, type] of moved) this.entries.set(at + below, type);
    } else if (told.kind === 'modify' || told.kind === 'attributes') this.#demand(at);
  }

  equals(other: ReadonlyMap<string, string>): boolean {
    return (
      this.entries.size === other.size && [...other].every(([at, type]) => this.entries.get(at) === type)
    );
  }

  #take(at: string): [string, string][] {
    const taken: [string, string][] = [];
    for (const [one, type] of [...this.entries]) {
      if (one !== at && !one.startsWith(`${at}/`)) continue;
      taken.push([one.slice(at.length), type]);
      this.entries.delete(one);
    }
    return taken;
  }

  #demand(at: string): void {
    if (!this.entries.has(at)) throw new Error(`${at} is told of, and nobody knows it`);
  }

  #demandParent(at: string): void {
    const parent = path.dirname(at);
    if (parent !== '.' && this.entries.get(parent) !== 'directory')
      throw new Error(`${at} lies in no folder`);
  }
}
