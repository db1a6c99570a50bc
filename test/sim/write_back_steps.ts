import { parseRelPath } from '../../src/base/path.ts';
import { WriteBackTree } from '../../src/cache/write_back/write_back_tree.ts';
import type { FileTree, TreeEntry, TreeFile } from '../../src/tree/files/file_tree.ts';
import { MemoryTree } from '../../src/tree/files/memory_tree.ts';

const at = parseRelPath;
const text = (content: string): Uint8Array => new Uint8Array(Buffer.from(content));
/** Larger than a page, so that a power cut can tear it. */
const long = (letter: string): string => letter.repeat(5_000);

/** A tree with what a program has open in it. */
export class Program {
  readonly tree: FileTree;
  readonly #open = new Map<string, TreeFile>();
  readonly #written = new Set<string>();

  constructor(tree: FileTree) {
    this.tree = tree;
  }

  async file(path: string): Promise<TreeFile> {
    const file = this.#open.get(path) ?? (await this.tree.open(at(path), 'write'));
    this.#open.set(path, file);
    return file;
  }

  async create(path: string): Promise<void> {
    const file = await this.tree.open(at(path), 'create');
    await this.close(path);
    this.#open.set(path, file);
    this.#written.add(path);
  }

  async write(path: string, content: string, offset: number): Promise<void> {
    const file = await this.file(path);
    await file.write(text(content), offset);
    this.#written.add(path);
  }

  async replace(path: string, content: string): Promise<true> {
    const file = await this.tree.open(at(path), 'replace');
    await file.write(text(content), 0);
    await file.publish();
    await file.close();
    return true;
  }

  async append(path: string, content: string): Promise<void> {
    const file = await this.file(path);
    await this.write(path, content, (await file.node()).sizeBytes);
  }

  async truncate(path: string, sizeBytes: number): Promise<void> {
    await (await this.file(path)).truncate(sizeBytes);
    this.#written.add(path);
  }

  async sync(path: string): Promise<true> {
    await (await this.file(path)).publish();
    return true;
  }

  /** Whether something was written to what is closed. */
  async close(path: string): Promise<boolean> {
    await this.#open.get(path)?.close();
    this.#open.delete(path);
    return this.#written.delete(path);
  }

  async closeAll(): Promise<void> {
    for (const path of [...this.#open.keys()]) await this.close(path);
  }
}

export interface Step {
  readonly name: string;
  /** Gives true where all that was changed so far is stable from then on. */
  readonly run: (program: Program) => Promise<unknown>;
}

const rename = (from: string, to: string): Step => ({
  name: `rename ${from} ${to}`,
  run: ({ tree }) => tree.rename(at(from), at(to), { replace: true }),
});
const unlink = (path: string): Step => ({ name: `unlink ${path}`, run: ({ tree }) => tree.remove(at(path)) });

/** `a` and `b` are there from the start, `c`, `d` and what is in it are not. A step that a plain tree refuses is none. */
export const STEPS: readonly Step[] = [
  { name: 'create c', run: (program) => program.create('c') },
  { name: 'write c', run: (program) => program.write('c', long('c'), 0) },
  { name: 'overwrite a', run: (program) => program.write('a', long('A'), 2_000) },
  { name: 'overwrite a again', run: (program) => program.write('a', 'again', 2_500) },
  { name: 'append a', run: (program) => program.append('a', long('+')) },
  { name: 'truncate a', run: (program) => program.truncate('a', 1_000) },
  { name: 'replace b', run: (program) => program.replace('b', long('B')) },
  rename('a', 'b'),
  rename('c', 'b'),
  rename('b', 'c'),
  rename('c', 'd/e'),
  unlink('a'),
  unlink('c'),
  { name: 'mkdir d', run: ({ tree }) => tree.create(at('d'), { kind: 'directory' }) },
  { name: 'fsync a', run: (program) => program.sync('a') },
  { name: 'fsync c', run: (program) => program.sync('c') },
  { name: 'close a', run: (program) => program.close('a') },
  { name: 'symlink c', run: ({ tree }) => tree.create(at('c'), { kind: 'symlink', target: 'a' }) },
];

/** With `split` a file that was appended to, or is as long as another one before it was overwritten, is large. */
export const POLICY = { dirtyMaxBytes: 2 ** 20, splitBytes: 6_000 } as const;

/** What becomes of writes is set to something else while files are open; a plain tree knows nothing of that. */
export const SETS: readonly Step[] = (['write-back', 'split', 'write-through', 'around'] as const).map(
  (writes) => ({
    name: `set ${writes}`,
    run: async ({ tree }) => {
      if (tree instanceof WriteBackTree) tree.policy = { ...tree.policy, writes };
    },
  }),
);

/** What a tree shows: paths and content. */
export type View = ReadonlyMap<string, string>;

export async function viewOf(tree: FileTree, path = ''): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const entries: TreeEntry[] = [];
  for await (const page of tree.list(at(path))) entries.push(...page);
  for (const { name, node } of entries) {
    const below = path === '' ? name : `${path}/${name}`;
    if (node.kind === 'directory') {
      found.set(below, 'folder');
      for (const [one, content] of await viewOf(tree, below)) found.set(one, content);
    } else if (node.kind === 'symlink') found.set(below, `to ${(await tree.lookup(at(below))).target}`);
    else {
      await using file = await tree.open(at(below), 'read');
      const bytes = new Uint8Array(node.sizeBytes + 10);
      found.set(below, Buffer.from(bytes.subarray(0, await file.read(bytes, 0))).toString());
    }
  }
  return found;
}

/** What is there before the first step. */
export const START = { a: long('a'), b: long('b') };

export async function startOf(tree: FileTree): Promise<FileTree> {
  for (const [name, content] of Object.entries(START)) await new Program(tree).replace(name, content);
  return tree;
}

/** The states that a plain tree goes through; null where it refuses a step. */
export async function statesOf(steps: readonly Step[]): Promise<View[] | null> {
  const tree = await startOf(new MemoryTree({ wallMs: () => 1 }));
  const program = new Program(tree);
  const states: View[] = [await viewOf(tree)];
  for (const step of steps) {
    try {
      await step.run(program);
    } catch {
      return null;
    }
    states.push(await viewOf(tree));
  }
  return states;
}

export function isSameView(a: View, b: View): boolean {
  return a.size === b.size && [...a].every(([path, content]) => b.get(path) === content);
}

/** A view in a line: runs of a letter are counted. */
export function brief(view: View): string {
  return [...view]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, content]) => `${path}=${content.replace(/(.)\1{9,}/gs, (run) => `${run[0]}*${run.length}`)}`)
    .join(' ');
}

export function sequences(length: number): (readonly Step[])[] {
  if (length === 0) return [[]];
  return sequences(length - 1).flatMap((steps) => STEPS.map((step) => [...steps, step]));
}
