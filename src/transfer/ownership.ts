import type { CopyOptions, IdMapping, PlanEntry } from '../wire/copy_types.ts';

/** Who an entry belongs to at the destination. */
export interface Owner {
  readonly userId: number;
  readonly groupId: number;
}

const SET_USER_ID = 0o4000;
const SET_GROUP_ID = 0o2000;

/** File systems that keep no owners: what is on them belongs to whom they were mounted for. */
const WITHOUT_OWNERS = new Set(['vfat', 'msdos', 'exfat']);

export interface OwnershipParts {
  readonly options: Pick<CopyOptions, 'owner' | 'idMappings'>;
  /** User of the receiving process. */
  readonly processUserId: number;
  readonly fileSystem: string;
  /** Whether the destination's folders can tell owners at all. */
  readonly possible: boolean;
  /** Whom a file belongs to that the receiving process has just made beside the destination. */
  readonly made: Owner;
}

/** Decides whom copied entries belong to. */
export class Ownership {
  /** Whether entries get an owner and a group at all. */
  readonly kept: boolean;
  readonly #made: Owner;
  readonly #users: ReadonlyMap<number | null, number>;
  readonly #groups: ReadonlyMap<number | null, number>;
  readonly #reason: string | null;
  #left = 0;

  constructor({ options, processUserId, fileSystem, possible, made }: OwnershipParts) {
    const mode = options.owner ?? 'auto';
    const canKeep = possible && !WITHOUT_OWNERS.has(fileSystem);
    this.kept = mode === 'keep' || (mode === 'auto' && canKeep && processUserId === 0);
    this.#reason = this.kept || mode === 'none' ? null : whyNot(canKeep, fileSystem, processUserId);
    this.#made = made;
    this.#users = mapOf(options.idMappings ?? [], 'user');
    this.#groups = mapOf(options.idMappings ?? [], 'group');
  }

  /** The owner to give to an entry; null where it has the right one as soon as it is made, or keeps whichever it has. */
  of(entry: PlanEntry): Owner | null {
    const wanted = this.wanted(entry);
    if (wanted === null || (wanted.userId === this.#made.userId && wanted.groupId === this.#made.groupId))
      return null;
    return wanted;
  }

  /** The owner that an entry has in the end, also where it has it by itself; null where the copy leaves that open. */
  wanted({ userId, groupId }: Pick<PlanEntry, 'userId' | 'groupId'>): Owner | null {
    if (userId === undefined || groupId === undefined) return null;
    if (!this.kept) {
      if (userId !== this.#made.userId || groupId !== this.#made.groupId) this.#left += 1;
      return null;
    }
    return { userId: mapped(this.#users, userId), groupId: mapped(this.#groups, groupId) };
  }

  /** The mode that a file gets: who gets another owner than at the source runs no program in that owner's name. */
  modeOf({ kind, mode, userId, groupId }: Pick<PlanEntry, 'kind' | 'mode' | 'userId' | 'groupId'>): number {
    if (this.kept || kind !== 'file' || userId === undefined) return mode;
    const taken =
      (userId === this.#made.userId ? 0 : SET_USER_ID) | (groupId === this.#made.groupId ? 0 : SET_GROUP_ID);
    return mode & ~taken;
  }

  /** In words, where owners were to be kept and could not. */
  note(): string | null {
    if (this.#reason === null || this.#left === 0) return null;
    return `owner and group of the source are not kept: ${this.#reason}`;
  }
}

/** The bits that a file loses whose owner could not be set. */
export function withoutSetId(mode: number): number {
  return mode & ~(SET_USER_ID | SET_GROUP_ID);
}

function whyNot(canKeep: boolean, fileSystem: string, processUserId: number): string {
  if (!canKeep) return `${fileSystem} has no owners`;
  return `Causeway runs as user ${processUserId} there, and only root may give files away`;
}

function mapOf(mappings: readonly IdMapping[], kind: IdMapping['kind']): Map<number | null, number> {
  return new Map(mappings.filter((rule) => rule.kind === kind).map(({ from, to }) => [from, to]));
}

function mapped(rules: ReadonlyMap<number | null, number>, id: number): number {
  return rules.get(id) ?? rules.get(null) ?? id;
}
