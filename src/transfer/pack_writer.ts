import { concat } from '../base/bytes.ts';
import { asCausewayError, CausewayError, fromReport } from '../base/errors.ts';
import { isPlanted } from '../base/fault_points.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { forEachAtOnce } from '../base/parallel.ts';
import type { DirCache } from '../tree/dir_cache.ts';
import type { Offload } from '../world/offload.ts';
import { type FolderGroup, groupByFolder } from './folder_groups.ts';
import type { Metadata, MetadataRules, Missing } from './metadata.ts';
import { type FinishColumns, publishPackJob, SAME_OWNER, writePackJob } from './pack_jobs.ts';
import type { PartialStore } from './partial_store.ts';
import type { WriteTarget } from './sink_writer.ts';
import type { StageMeter } from './stage_meter.ts';

/** A small file that has arrived whole; `data` lies in the memory of the whole message. */
export interface ArrivedFile {
  readonly target: WriteTarget;
  readonly hash: Uint8Array;
  readonly data: Uint8Array;
}

/** What became of a small file. */
export type PackOutcome =
  | { readonly kind: 'done'; readonly missing: Missing }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'failed'; readonly error: CausewayError };

export interface PackWriterParts {
  readonly dirs: DirCache;
  readonly store: PartialStore;
  readonly meter: StageMeter;
  readonly offload: Offload;
  readonly rules: MetadataRules;
}

type PublishGroup = FolderGroup<WriteTarget>;

/** In the place of the hash of an empty file, which nobody asks for. */
const NO_HASH = new Uint8Array(HASH_BYTES);
const DONE: PackOutcome = { kind: 'done', missing: [] };
const MISMATCH: PackOutcome = { kind: 'mismatch' };

/** Puts small files on the destination's disk, many in one piece of work. The flush in between is the caller's. */
export class PackWriter {
  readonly #parts: PackWriterParts;

  constructor(parts: PackWriterParts) {
    this.#parts = parts;
  }

  /** Writes files under their temporary names. With `check`, one that does not have its hash is a mismatch and is not written. */
  async write(files: readonly ArrivedFile[], check: boolean): Promise<PackOutcome[]> {
    const { meter, offload, store } = this.#parts;
    const first = files[0]!.data;
    const last = files.at(-1)!.data;
    const endsAt = last.byteOffset + last.byteLength;
    const args = {
      dir: store.dir,
      data: new Uint8Array(first.buffer, first.byteOffset, endsAt - first.byteOffset),
      hashes: check ? concat(files.map((file) => file.hash)) : null,
      files: {
        keys: concat(files.map((file) => file.target.key)),
        offsets: Uint32Array.from(files, (file) => file.data.byteOffset - first.byteOffset),
        sizes: Uint32Array.from(files, (file) => file.data.byteLength),
      },
    };
    const bytes = args.files.sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0);
    const result = await meter.runHashing(
      'destinationWrite',
      bytes,
      (moved) => offload.run(writePackJob, args, moved),
      (written) => written.hashMs,
    );
    const outcomes: PackOutcome[] = files.map(() => DONE);
    for (const at of result.mismatched) outcomes[at] = MISMATCH;
    for (const { at, code, message } of result.failures)
      outcomes[at] = { kind: 'failed', error: fromReport({ code, message }) };
    return outcomes;
  }

  /** Reads files of at most one chunk back, gives them mode and time, and renames them into place. */
  async publish(
    targets: readonly WriteTarget[],
    report: (target: WriteTarget, outcome: PackOutcome) => void,
  ): Promise<void> {
    const groups = groupByFolder(targets, (target) => target.target);
    await forEachAtOnce(groups, LIMITS.verifyAtOnceMax.value, (group) => this.#publishGroup(group, report));
  }

  async #publishGroup(
    group: PublishGroup,
    report: (target: WriteTarget, outcome: PackOutcome) => void,
  ): Promise<void> {
    const { dirs, meter, offload, store } = this.#parts;
    const targets = group.items.map(({ item }) => item);
    const files = columnsOf(group, this.#parts.rules);
    const bytes = files.sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0);
    const trustContents = isPlanted('skip-verify');
    const result = await dirs
      .useAll(group.folders, (opened) =>
        meter.run('verify', bytes, (moved) => {
          const args = { store: store.dir, parents: opened, files, trustContents };
          return offload.run(publishPackJob, args, moved);
        }),
      )
      .catch(asCausewayError);
    if (result instanceof CausewayError) return this.#publishOneByOne(group, result, report);
    const outcomes: PackOutcome[] = targets.map(() => DONE);
    for (const at of result.bad) outcomes[at] = MISMATCH;
    for (const { at, missing } of result.missing) outcomes[at] = { kind: 'done', missing };
    for (const { at, code, message } of result.failures)
      outcomes[at] = { kind: 'failed', error: fromReport({ code, message }) };
    for (const [at, target] of targets.entries()) report(target, outcomes[at]!);
  }

  /** A folder could not be opened: it is told of each file that wants it, the others go on. */
  async #publishOneByOne(
    group: PublishGroup,
    error: CausewayError,
    report: (target: WriteTarget, outcome: PackOutcome) => void,
  ): Promise<void> {
    const [only] = group.items;
    if (only !== undefined && group.items.length === 1) return report(only.item, { kind: 'failed', error });
    for (const { item, folder, name } of group.items) {
      const one = { folders: [group.folders[folder]!], items: [{ item, folder: 0, name }] };
      await this.#publishGroup(one, report);
    }
  }
}

function columnsOf({ items }: PublishGroup, rules: MetadataRules): FinishColumns {
  const metadata = items.map(({ item }) => rules.of(item.entry));
  return {
    keys: concat(items.map(({ item }) => item.key)),
    parents: Uint8Array.from(items, ({ folder }) => folder),
    names: items.map(({ name }) => name),
    sizes: Uint32Array.from(items, ({ item }) => item.entry.sizeBytes),
    modes: Uint16Array.from(metadata, ({ mode }) => mode),
    mtimesNs: BigInt64Array.from(metadata, ({ mtimeNs }) => mtimeNs),
    owners: ownersOf(metadata),
    hashes: concat(items.map(({ item }) => (item.chunks.count === 0 ? NO_HASH : item.chunks.hashes()))),
  };
}

/** Null where no file needs one: then nothing is asked of the system for it. */
export function ownersOf(metadata: readonly Pick<Metadata, 'owner'>[]): Uint32Array | null {
  if (metadata.every(({ owner }) => owner === null)) return null;
  const owners = new Uint32Array(2 * metadata.length).fill(SAME_OWNER);
  for (const [at, { owner }] of metadata.entries())
    if (owner !== null) owners.set([owner.userId, owner.groupId], 2 * at);
  return owners;
}
