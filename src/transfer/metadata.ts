import { asCausewayError } from '../base/errors.ts';
import type { PlanEntry, Problem, Xattr } from '../wire/copy_types.ts';
import type { AttrPatch } from '../world/disk.ts';
import type { XattrStore } from '../world/disk_caps.ts';
import { type Owner, type Ownership, withoutSetId } from './ownership.ts';

/** What an entry has besides its content. */
export interface Metadata {
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** Null: it stays as it is. */
  readonly owner: Owner | null;
  readonly xattrs: readonly Xattr[];
}

/** What could not be given to an entry, in words. */
export type Missing = string[];

const NO_XATTRS: readonly Xattr[] = [];
/** Namespaces that only root may write. */
const OF_ROOT = /^(?:trusted|security)\./u;

/** Decides which metadata entries get at one destination. */
export class MetadataRules {
  readonly ownership: Ownership;
  readonly #isRoot: boolean;
  #leftOfRoot = false;

  constructor(ownership: Ownership, isRoot: boolean) {
    this.ownership = ownership;
    this.#isRoot = isRoot;
  }

  of(entry: PlanEntry): Metadata {
    const { ownership } = this;
    const { mtimeNs } = entry;
    return {
      mode: ownership.modeOf(entry),
      mtimeNs,
      owner: ownership.of(entry),
      xattrs: this.xattrsOf(entry),
    };
  }

  /** The attributes that the receiving process may set. */
  xattrsOf({ xattrs = NO_XATTRS }: PlanEntry): readonly Xattr[] {
    if (this.#isRoot || xattrs.length === 0 || !xattrs.some(({ name }) => OF_ROOT.test(name))) return xattrs;
    this.#leftOfRoot = true;
    return xattrs.filter(({ name }) => !OF_ROOT.test(name));
  }

  notes(): string[] {
    const note = this.ownership.note();
    return [
      ...(note === null ? [] : [note]),
      ...(this.#leftOfRoot
        ? ['attributes of the system (trusted, security) are not kept: only root may set them']
        : []),
    ];
  }
}

/** An entry that metadata can be given to: an open file, or a name in a folder. */
export interface Described {
  readonly xattrs: XattrStore | null;
  setAttrs(patch: AttrPatch): Promise<void>;
}

/**
 * Gives an entry its metadata, in the order in which nothing undoes what came before: a change of owner takes away set-id
 * bits and capabilities, a new mode keeps the access list. What cannot be given is told, the rest is; a mode or time that
 * cannot be set throws CW_DISK_*.
 */
export async function giveMetadata(entry: Described, metadata: Metadata): Promise<Missing> {
  const { owner, xattrs, mtimeNs } = metadata;
  const missing: Missing = [];
  let { mode } = metadata;
  if (owner !== null) {
    const why = await refused(() => entry.setAttrs(owner));
    if (why !== null) {
      missing.push(ownerMissing(owner, why));
      mode = withoutSetId(mode);
    }
  }
  for (const { name, value } of xattrs) {
    const why =
      entry.xattrs === null
        ? 'the destination has no such attributes'
        : await refused(() => entry.xattrs!.set(name, value));
    if (why !== null) missing.push(`${name}: ${why}`);
  }
  await entry.setAttrs({ mode, mtimeNs });
  return missing;
}

export function ownerMissing({ userId, groupId }: Owner, why: string): string {
  return `owner ${userId}:${groupId}: ${why}`;
}

/** Null where it went well; a device that fails is no refusal. */
async function refused(change: () => Promise<void>): Promise<string | null> {
  try {
    await change();
    return null;
  } catch (failure) {
    const error = asCausewayError(failure);
    if (!isRefusal(error.code)) throw error;
    return error.message;
  }
}

/** Codes by which a file system says that it does not take a piece of metadata. */
export function isRefusal(code: string): boolean {
  return ['CW_UNSUPPORTED', 'CW_DISK_PERMISSION', 'CW_DISK_NAME'].includes(code);
}

/** Names of attributes that are access lists begin so. */
export const ACCESS_LIST = 'system.posix_acl_';

/** Whether an entry has no access lists, as far as it can be asked. Errors of the disk are thrown. */
export async function hasNoLists(store: XattrStore | null): Promise<boolean> {
  try {
    return store === null || !(await store.list()).some((name) => name.startsWith(ACCESS_LIST));
  } catch (failure) {
    if (!isRefusal(asCausewayError(failure).code)) throw failure;
    return true;
  }
}

/** An entry that was copied but lacks something. */
export function missingProblem(path: string, missing: Missing): Problem {
  return { path, code: 'CW_COPY_METADATA', message: `copied without ${missing.join('; ')}` };
}
