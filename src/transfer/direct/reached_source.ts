import { CausewayError } from '../../base/errors.ts';
import { type Name, parseName } from '../../base/path.ts';
import { DirCache } from '../../tree/dir_cache.ts';
import type { CopyOptions, RootInfo } from '../../wire/copy_types.ts';
import type { DirectProof } from '../../wire/direct_fields.ts';
import type { Dir } from '../../world/disk.ts';
import type { World } from '../../world/world.ts';
import type { ReadableRoot } from '../source_reader.ts';
import { closeSource } from '../source_roots.ts';
import { aboutOf } from './offer.ts';

/** The source's folders, open at the sink; or why they are not. */
export type Reached =
  | { readonly kind: 'reached'; readonly source: ReachedSource }
  | { readonly kind: 'not'; readonly why: string };

/** The folders that the source has open, open at the sink as well, and which of them an entry of the plan comes from. */
export class ReachedSource {
  readonly roots: readonly ReadableRoot[];
  readonly #rootOfName: ReadonlyMap<string, number>;

  private constructor(roots: readonly ReadableRoot[]) {
    this.roots = roots;
    this.#rootOfName = new Map(roots.map(({ info }, at) => [info.name, at]));
  }

  static async open(
    { sameMachine }: Pick<World, 'sameMachine'>,
    roots: readonly RootInfo[],
    proof: DirectProof | undefined,
    options: CopyOptions,
  ): Promise<Reached> {
    if (!sameMachine) return { kind: 'not', why: 'this system cannot find other processes' };
    if (proof === undefined) return { kind: 'not', why: 'the source does not offer it' };
    if (roots.length > 1 && roots.some(({ contents }) => contents))
      return { kind: 'not', why: 'there are several sources, and of one only what is inside' };
    if (proof.opened.length !== roots.length)
      throw new CausewayError('CW_WIRE_MALFORMED', 'the source does not tell a folder for each root');
    const { processId, secretFd, secret, opened: told } = proof;
    const names = told.map(({ name }) => (name === '' ? null : parseName(name)));
    const met = await sameMachine.meet(
      {
        processId,
        secretFd,
        secret,
        folderFds: told.map(({ fd }) => fd),
      },
      aboutOf(
        options,
        told.map(({ name }) => name),
      ),
    );
    if (met.kind === 'not') return met;
    const opened = met.folders.map((dir, at) => readRoot(roots[at]!, dir, names[at]!));
    return { kind: 'reached', source: new ReachedSource(opened) };
  }

  /** The source of an entry of the plan, by its path there. */
  rootOf(path: string): number {
    if (this.roots.length === 1) return 0;
    const cut = path.indexOf('/');
    return this.#rootOfName.get(cut < 0 ? path : path.slice(0, cut)) ?? 0; // a file that is not there is given back
  }

  async close(): Promise<void> {
    for (const root of this.roots) await closeSource(root);
  }
}

function readRoot(info: RootInfo, dir: Dir, fileName: Name | null): ReadableRoot {
  return { info, dir, dirs: new DirCache(dir), fileName };
}
