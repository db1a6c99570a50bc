import { NOBODY } from '../access/rights/principal.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import type { RelPath } from '../base/path.ts';
import type { LeaseGate } from '../share/fuse/lease_desk.ts';
import { serveDav } from '../share/webdav/handler.ts';
import { DavLocks } from '../share/webdav/locks.ts';
import { PathTurns } from '../share/webdav/path_turns.ts';
import type { FileRecords } from '../share/webdav/records.ts';
import { readOnly, whilePresent } from '../tree/files/decorators.ts';
import type { FileTree } from '../tree/files/file_tree.ts';
import { followingLinks } from '../tree/files/following_links.ts';
import { LocalTree } from '../tree/files/local_tree.ts';
import { NO_OWNER } from '../tree/files/quota_account.ts';
import { measureOwners, QuotaLedger } from '../tree/files/quota_ledger.ts';
import type { HttpReply, HttpRequest } from '../world/http.ts';
import type { QuotaSeat } from '../world/mounts.ts';
import type { World } from '../world/world.ts';
import { FolderRecords } from './folder_records.ts';
import type { ShareRecords } from './share_records.ts';
import { statSource } from './share_source.ts';
import type { StoredShare } from './share_store.ts';
import { shareTree } from './share_tree.ts';

interface Opened {
  readonly local: LocalTree;
}

/** One share while the daemon runs. Its folder is opened when it is first needed, and again after it was gone. */
export class LiveShare {
  record: StoredShare;
  readonly #world: World;
  readonly #records: ShareRecords;
  /** Machines that show the share may have leases on its files. */
  readonly #leases: LeaseGate;
  readonly #locks: DavLocks;
  readonly #turns = new PathTurns();
  #opening: Promise<Opened> | null = null;
  /** One for as long as the share runs: all ways to it are counted together. */
  readonly #ledger: QuotaLedger | null;
  #isCounted = false;
  readonly #running = new Set<HttpReply>();
  #closed = false;

  constructor(world: World, record: StoredShare, records: ShareRecords, leases: LeaseGate) {
    this.#world = world;
    this.#records = records;
    this.#leases = leases;
    this.record = record;
    this.#ledger = ledgerOf(record);
    this.#locks = new DavLocks(world.clock, world.random);
  }

  get usedBytes(): number | null {
    return this.#isCounted && this.record.quotaBytes !== null ? (this.#ledger?.usedBytes ?? null) : null;
  }

  /** What files of users with a quota of their own have; null before they were counted. */
  get userQuotas(): { user: string; limitBytes: number; usedBytes: number | null }[] {
    return (this.record.userQuotas ?? []).map(({ user, limitBytes }) => {
      const owner = this.#ledger?.ownerOf(user) ?? NO_OWNER;
      const usedBytes = this.#isCounted ? (this.#ledger?.spaceOf(owner).usedBytes ?? null) : null;
      return { user, limitBytes, usedBytes };
    });
  }

  get openRequests(): number {
    return this.#running.size;
  }

  get lockCount(): number {
    return this.#locks.size;
  }

  /** What is wrong with the folder now; null where it can be served. */
  async problem(): Promise<CausewayError | null> {
    try {
      await this.#check();
      await this.#open();
      return null;
    } catch (failure) {
      return asCausewayError(failure);
    }
  }

  /** Answers one request of somebody who may use the share. */
  async serve(
    {
      request,
      reply,
      user,
      records,
    }: {
      readonly request: HttpRequest;
      readonly reply: HttpReply;
      readonly user: string;
      readonly records: FileRecords;
    },
    mayWrite: boolean,
  ): Promise<void> {
    const opened = await this.#open().catch((failure) => asCausewayError(failure));
    const tree = opened instanceof CausewayError ? failing(opened) : this.#treeOf(opened, user);
    const allowed = mayWrite && !this.record.readOnly ? tree : readOnly(tree);
    const { clock, random } = this.#world;
    const share = {
      tree: allowed,
      links: followingLinks(allowed),
      prefix: `/${this.record.name}`,
      locks: this.#locks,
      turns: this.#turns,
      clock,
      random,
      records,
    };
    this.#running.add(reply);
    try {
      await serveDav(share, { request, reply, user }, (failure) => {
        // the folder is opened anew by the next request: a volume that was mounted again is another one
        if (asCausewayError(failure).code === 'CW_SHARE_SOURCE') void this.#forget();
      });
    } finally {
      this.#running.delete(reply);
    }
  }

  /** Where what is done in the folder by others than WebDAV is recorded, from the place that a process of it stands for; null where that is not wished for. */
  records(address: (processId: number) => string): FolderRecords | null {
    const { audit, name } = this.record;
    if (audit === undefined) return null;
    const principal = { ...NOBODY, kind: 'share', name } as const;
    const trailOf = (processId: number) =>
      this.#records.of(this.record, { principal, address: address(processId), session: null });
    return new FolderRecords({ trailOf, clock: this.#world.clock, isStrict: audit === 'strict' });
  }

  /** For what else changes the folder, given back when that ends; null where there is no quota. CW_SHARE_SOURCE, CW_DISK_*. */
  async seat(): Promise<QuotaSeat | null> {
    if (this.#ledger === null) return null;
    await this.#open(); // what is there is counted first
    return this.#ledger.seat();
  }

  leave(seat: QuotaSeat | null): void {
    if (seat === null || this.#ledger === null) return;
    // what ended in the middle of a change may have done it or not: the next user counts anew
    if (this.#ledger.leave(seat)) void this.#forget();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const reply of this.#running) reply.cut(); // what was withdrawn ends in the middle of a file too
    await this.#forget();
  }

  /** The folder must be the one that was shared: what lies below a missing mount is another one, and empty. */
  async #check(): Promise<void> {
    if (this.#closed) throw new CausewayError('CW_SHARE_UNKNOWN', `there is no share ${this.record.name}`);
    const { source, sourceInode } = this.record;
    const { inode } = await statSource(this.#world, source);
    if (inode !== sourceInode)
      throw new CausewayError('CW_SHARE_SOURCE', `${source} is another folder than the one that was shared`);
  }

  /** As that user has it: what is made is charged to the user's quota. */
  #treeOf({ local }: Opened, user: string): FileTree {
    const maker = user === this.record.name ? null : user;
    const statOf = (path: RelPath) => local.stat(path);
    const tree = shareTree(local, { ledger: this.#ledger, maker, leases: this.#leases, statOf });
    return whilePresent(tree, () => this.#check());
  }

  #open(): Promise<Opened> {
    this.#opening ??= this.#openFolder().catch((failure) => {
      this.#opening = null;
      throw failure;
    });
    return this.#opening;
  }

  async #openFolder(): Promise<Opened> {
    await this.#check();
    const { source } = this.record;
    const local = await LocalTree.open(this.#world, source);
    try {
      await local.removeRemains();
      const ledger = this.#ledger;
      await ledger?.recount(() => measureOwners(local, ledger));
      this.#isCounted = true;
      return { local };
    } catch (failure) {
      await local.close();
      throw failure;
    }
  }

  async #forget(): Promise<void> {
    const opening = this.#opening;
    this.#opening = null;
    const opened = await opening?.catch(() => null); // what could not be opened has nothing to close
    await opened?.local.close();
  }
}

/** Null where nothing is limited. Without a limit for all, all together have no other limit than a number. */
function ledgerOf({ name, quotaBytes, userQuotas = [] }: StoredShare): QuotaLedger | null {
  if (quotaBytes === null && userQuotas.length === 0) return null;
  const limits = userQuotas.map(({ user, limitBytes }) => ({ name: user, limitBytes }));
  return new QuotaLedger(quotaBytes ?? Number.MAX_SAFE_INTEGER, 0, { limits, unmarked: name });
}

/** A tree of which nothing can be had, for that reason. */
function failing(failure: CausewayError): FileTree {
  const fail = async () => {
    throw failure;
  };
  const caps = { readOnly: false, lastingIds: false, values: null, space: null, folder: null };
  const list = () => ({ [Symbol.asyncIterator]: () => ({ next: fail }) });
  return { caps, lookup: fail, list, open: fail, create: fail, setAttrs: fail, rename: fail, remove: fail };
}
