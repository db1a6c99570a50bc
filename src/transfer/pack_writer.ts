import { asCausewayError, CausewayError, fromReport } from '../base/errors.ts';
import { isPlanted } from '../base/fault_points.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { forEachAtOnce } from '../base/parallel.ts';
import type { Name } from '../base/path.ts';
import type { Dir } from '../world/disk.ts';
import type { Offload } from '../world/offload.ts';
import { type FolderGroup, groupByFolder } from './folder_groups.ts';
import type { Metadata, MetadataRules, Missing } from './metadata.ts';
import { type FinishColumns, publishPackJob, SAME_OWNER, writePackJob } from './pack_jobs.ts';
import type { PartialStore } from './partial_store.ts';
import type { WriteTarget } from './sink_writer.ts';
import type { StageMeter } from './stage_meter.ts';
import { FILE_KEY_BYTES, putTemporary } from './temporary_name.ts';

/** A small file that has arrived whole; `data` lies in the memory of the whole message. */
export interface ArrivedFile {
  readonly target: WriteTarget;
  readonly data: Uint8Array;
}

/** What became of a small file. */
export type PackOutcome =
  | { readonly kind: 'done'; readonly missing: Missing }
  | { readonly kind: 'mismatch' }
  | { readonly kind: 'failed'; readonly error: CausewayError };

export interface PackWriterParts {
  /** The folder that takes the copy. */
  readonly root: Dir;
  readonly store: PartialStore;
  readonly meter: StageMeter;
  readonly offload: Offload;
  readonly rules: MetadataRules;
}

type PublishGroup = FolderGroup<WriteTarget>;

const DONE: PackOutcome = { kind: 'done', missing: [] };
const MISMATCH: PackOutcome = { kind: 'mismatch' };

/** Puts small files on the destination's disk, many in one piece of work. The flush in between is the caller's. */
export class PackWriter {
  readonly #parts: PackWriterParts;

  constructor(parts: PackWriterParts) {
    this.#parts = parts;
  }

  /** Writes files under their temporary names; gives the places of those that failed, with the reason. */
  async write(files: readonly ArrivedFile[]): Promise<ReadonlyMap<number, CausewayError>> {
    const { meter, offload, store } = this.#parts;
    const first = files[0]!.data;
    const last = files.at(-1)!.data;
    const endsAt = last.byteOffset + last.byteLength;
    const keys = new Uint8Array(files.length * FILE_KEY_BYTES);
    const view = new DataView(keys.buffer);
    const offsets = new Uint32Array(files.length);
    const sizes = new Uint32Array(files.length);
    let bytes = 0;
    for (let at = 0; at < files.length; at += 1) {
      const { target, data } = files[at]!;
      putTemporary(target, view, at * FILE_KEY_BYTES);
      offsets[at] = data.byteOffset - first.byteOffset;
      sizes[at] = data.byteLength;
      bytes += data.byteLength;
    }
    const args = {
      dir: store.dir,
      data: new Uint8Array(first.buffer, first.byteOffset, endsAt - first.byteOffset),
      files: { keys, offsets, sizes },
    };
    const { failures } = await meter.run('destinationWrite', bytes, (moved) =>
      offload.run(writePackJob, args, moved),
    );
    return new Map(failures.map(({ at, code, message }) => [at, fromReport({ code, message })]));
  }

  /** Reads files of at most one chunk back, gives them mode and time, and renames them into place. */
  async publish(
    targets: readonly WriteTarget[],
    report: (target: WriteTarget, outcome: PackOutcome) => void,
  ): Promise<void> {
    const most = LIMITS.packFilesMax.value;
    const groups = groupByFolder(targets, (target) => target.target, most, most);
    await forEachAtOnce(groups, LIMITS.verifyAtOnceMax.value, (group) => this.#publishGroup(group, report));
  }

  async #publishGroup(
    group: PublishGroup,
    report: (target: WriteTarget, outcome: PackOutcome) => void,
  ): Promise<void> {
    const { root, meter, offload, store } = this.#parts;
    const targets = group.items.map(({ item }) => item);
    const files = columnsOf(group, this.#parts.rules);
    const bytes = files.sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0);
    const trustContents = isPlanted('skip-verify');
    const args = { store: store.dir, root, folders: group.folders, files, trustContents };
    const result = await meter
      .run('verify', bytes, (moved) => offload.run(publishPackJob, args, moved))
      .catch(asCausewayError);
    if (result instanceof CausewayError) {
      for (const target of targets) report(target, { kind: 'failed', error: result });
      return;
    }
    const outcomes: PackOutcome[] = targets.map(() => DONE);
    for (const at of result.bad) outcomes[at] = MISMATCH;
    for (const { at, missing } of result.missing) outcomes[at] = { kind: 'done', missing };
    for (const { at, code, message } of result.failures)
      outcomes[at] = { kind: 'failed', error: fromReport({ code, message }) };
    for (let at = 0; at < targets.length; at += 1) report(targets[at]!, outcomes[at]!);
  }
}

function columnsOf({ items }: PublishGroup, rules: MetadataRules): FinishColumns {
  const count = items.length;
  const columns = {
    keys: new Uint8Array(count * FILE_KEY_BYTES),
    parents: new Uint16Array(count),
    names: new Array<Name>(count),
    sizes: new Uint32Array(count),
    modes: new Uint16Array(count),
    mtimesNs: new BigInt64Array(count),
    hashes: new Uint8Array(count * HASH_BYTES), // zeros for an empty file, of which nobody asks for it
  };
  const view = new DataView(columns.keys.buffer);
  const metadata = new Array<Metadata>(count);
  for (let at = 0; at < count; at += 1) {
    const { item, folder, name } = items[at]!;
    const given = rules.of(item.entry);
    metadata[at] = given;
    putTemporary(item, view, at * FILE_KEY_BYTES);
    columns.parents[at] = folder;
    columns.names[at] = name;
    columns.sizes[at] = item.entry.sizeBytes;
    columns.modes[at] = given.mode;
    columns.mtimesNs[at] = given.mtimeNs;
    item.chunks.putHashes(columns.hashes, at * HASH_BYTES);
  }
  return { ...columns, owners: ownersOf(metadata) };
}

/** Null where no file needs one: then nothing is asked of the system for it. */
export function ownersOf(metadata: readonly Pick<Metadata, 'owner'>[]): Uint32Array | null {
  if (metadata.every(({ owner }) => owner === null)) return null;
  const owners = new Uint32Array(2 * metadata.length).fill(SAME_OWNER);
  for (let at = 0; at < metadata.length; at += 1) {
    const { owner } = metadata[at]!;
    if (owner === null) continue;
    owners[2 * at] = owner.userId;
    owners[2 * at + 1] = owner.groupId;
  }
  return owners;
}
