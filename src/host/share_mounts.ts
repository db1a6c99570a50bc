import { fromHex } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted } from '../base/signal.ts';
import type { StateFile } from '../config/state_file.ts';
import type { LeaseView } from '../contract/lease_schemas.ts';
import type { CacheView, CacheWaitView, WaitingView } from '../contract/mount_schemas.ts';
import type { ShareMountView } from '../contract/share_schemas.ts';
import { callRpc } from '../link/rpc.ts';
import { FarServing } from '../share/fuse/far_serving.ts';
import type { LeaseGate } from '../share/fuse/lease_desk.ts';
import { type ServedFolder, serverOptions } from '../share/fuse/server_options.ts';
import { toldCaches } from '../wire/cache_figures.ts';
import type { CborMap } from '../wire/cbor.ts';
import { boolean, map, nullable } from '../wire/fields.ts';
import { MOUNT_VERSIONS, type MountOpening } from '../wire/mount_messages.ts';
import { encodeWaitPolicy } from '../wire/wait_policy.ts';
import { decodeWaiting } from '../wire/waiting_figures.ts';
import type { FolderServer, FolderServerOptions, Mounts, QuotaSeat } from '../world/mounts.ts';
import type { World } from '../world/world.ts';
import type { FolderRecords } from './folder_records.ts';
import { hasJournal, waitPolicyOf, writesView } from './journal_wishes.ts';
import type { Machines } from './machines.ts';
import { type KeepList, MountLeftovers } from './mount_leftovers.ts';
import { MountLoop } from './mount_loop.ts';
import { rollbackSeat } from './share_rollback.ts';
import type { StoredShare } from './share_store.ts';
import { within } from './within.ts';

export interface ShareMountsParts {
  readonly world: World;
  readonly machines: Pick<Machines, 'link'>;
  /** Null where this daemon serves no mounts. */
  readonly mounts: Mounts | null;
  /** Remembers which machines are to unmount something once they are there. */
  readonly leftovers: StateFile;
}

/** What a mount has of a share. */
export interface ShownShare {
  /** What is wrong with its folder now; null where it can be served. */
  problem(): Promise<CausewayError | null>;
  /** A seat at its account for what serves it, given back when that ends; null where it has no quota. */
  seat(): Promise<QuotaSeat | null>;
  leave(seat: QuotaSeat | null): void;
  /** What writes records of what comes from the place of a process; null where none are wished for. */
  records(address: (processId: number) => string): FolderRecords | null;
}

interface Wanted {
  mount: NonNullable<StoredShare['mount']>;
  /** Or why there is none. */
  readonly loop: MountLoop | CausewayError;
}

const CACHE_MS = 1_000;

/** Shares that machines show as folders of theirs: kept mounted there for as long as they are wished for. */
export class ShareMounts implements AsyncDisposable {
  readonly #parts: ShareMountsParts;
  readonly #serving: FarServing;
  readonly #wanted = new Map<string, Wanted>();
  readonly #leftovers: MountLeftovers;
  /** Those that will be followed once all is there that it takes. */
  #expected: readonly StoredShare[] = [];

  constructor(parts: ShareMountsParts) {
    this.#parts = parts;
    this.#serving = new FarServing(parts.world.clock);
    const { machines, world, leftovers: file } = parts;
    const wantedAt = (vm: string) => this.wantedAt(vm);
    this.#leftovers = new MountLeftovers({
      clock: world.clock,
      random: world.random,
      machines,
      file,
      wantedAt,
    });
  }

  /** These will be followed: until then no machine is to take their mounts away. */
  expect(shares: readonly StoredShare[]): void {
    this.#expected = shares;
  }

  /** Has machines unmount what an earlier daemon could not ask them to. CW_DAEMON_STATE. */
  start(): Promise<void> {
    return this.#leftovers.start();
  }

  /** Where whoever changes files of shares beside these mounts waits for their leases. */
  get gate(): LeaseGate {
    return this.#serving.gate;
  }

  /** What that machine is to have mounted. */
  wantedAt(vm: string): KeepList {
    const all = [...this.#wanted.values(), ...this.#expected].map(({ mount }) => mount);
    const ids = new Set(all.flatMap((mount) => (mount?.vm === vm ? [mount.id] : [])));
    return { keep: [...ids].map(fromHex), host: this.#leftovers.host };
  }

  /** Refuses what could never be mounted. CW_USAGE, CW_VM_UNKNOWN, CW_MOUNT_ROOT, CW_LIMIT, CW_UNSUPPORTED. */
  async check(record: StoredShare): Promise<void> {
    const { mount } = record;
    if (mount === undefined) return;
    if (!mount.path.startsWith('/'))
      throw new CausewayError('CW_USAGE', `${mount.vm}:${mount.path}: an absolute path is needed`);
    if (hasJournal(mount) && (mount.numericIds || record.readOnly))
      throw new CausewayError(
        'CW_USAGE',
        'a mount with a journal has one owner and is writable: leave --numeric-ids and --read-only out',
      );
    if (this.#wanted.size >= LIMITS.mountsMax.value)
      throw new CausewayError('CW_LIMIT', 'there are too many mounts');
    this.#parts.machines.link(mount.vm);
    await serverOptions(this.#parts.world, folderOf(record, mount), {
      owner: { userId: 0, groupId: 0 },
    });
  }

  /** Has the share mounted as it is wished for from now on. */
  async follow(record: StoredShare, share: ShownShare): Promise<void> {
    await this.forget(record.name);
    const { mount } = record;
    if (mount !== undefined)
      this.#wanted.set(record.name, { mount, loop: this.#begin(record, mount, share) });
  }

  /** What becomes of writes where a machine shows the share is changed at once, or when the machine is there again. */
  async setCache(name: string, mount: Wanted['mount']): Promise<void> {
    const wanted = this.#wanted.get(name);
    if (wanted === undefined) return;
    wanted.mount = mount;
    const params = { id: fromHex(mount.id), policy: encodeWaitPolicy(waitPolicyOf(mount)) };
    try {
      await within(this.#parts.world.clock, LIMITS.cacheAskMs.value, (signal) =>
        this.#ask(mount, 'setWaiting', params, signal),
      );
    } catch (failure) {
      const { code, next } = asCausewayError(failure);
      const isAway = code === 'CW_TIMEOUT' || code === 'CW_VM_OFFLINE' || next === 'reconnect';
      if (!isAway) throw failure; // it is told so when it is there again
    }
  }

  /** Waits until the machine shows it, or says why it does not, or does not answer. */
  async settled(name: string): Promise<void> {
    const loop = this.#wanted.get(name)?.loop;
    if (!(loop instanceof MountLoop)) return;
    const late = new AbortController();
    const { clock } = this.#parts.world;
    void clock.sleep(LIMITS.mountOutageMs.value, late.signal).then(
      () => late.abort(new CausewayError('CW_VM_OFFLINE', 'the machine does not answer')),
      () => undefined, // it came in time
    );
    await orAborted(loop.first, late.signal).catch(() => undefined); // told by the state of the share
    late.abort();
  }

  /** It is unmounted where it is, by a machine that is away once it is there. */
  async forget(name: string): Promise<void> {
    const wanted = this.#wanted.get(name);
    if (wanted === undefined) return;
    this.#wanted.delete(name);
    const { loop, mount } = wanted;
    await this.#leftovers.add(mount.vm); // a machine that is there has nothing left to do then
    if (loop instanceof MountLoop) await loop.close();
    await this.#serving.end(fromHex(mount.id));
  }

  /** With what the machine tells of its cache, where it answers in time. */
  async view(name: string): Promise<ShareMountView | null> {
    const wanted = this.#wanted.get(name);
    if (wanted === undefined) return null;
    const { mount, loop } = wanted;
    const error = loop instanceof MountLoop ? loop.error : loop;
    const state = loop instanceof MountLoop ? loop.state : 'error';
    const leases = leasesIn(this.#serving, mount);
    const { cachePolicy = null } = mount;
    const writes = { cachePolicy, writes: writesView(mount) };
    const view = {
      ...{ vm: mount.vm, path: mount.path, state, error: error?.report() ?? null, leases },
      ...writes,
    };
    if (state !== 'mounted') return { ...view, cache: null, waiting: null };
    return { ...view, cache: await this.#cacheOf(mount), waiting: await this.#waitingIn(mount) };
  }

  /** Waits for what was written where a machine shows the share. CW_USAGE where nothing waits there by its policy. */
  async waitFor(name: string, clean: boolean, waitMs: number): Promise<CacheWaitView> {
    const mount = this.#wanted.get(name)?.mount;
    if (mount === undefined || !hasJournal(mount))
      throw new CausewayError('CW_USAGE', `${name} has no journal: nothing waits there`);
    const { clock } = this.#parts.world;
    const limitMs = waitMs + LIMITS.cacheAskMs.value;
    try {
      return await within(clock, limitMs, async (signal) => {
        const params = { id: fromHex(mount.id), clean, waitMs };
        const answer = await this.#ask(mount, 'waitingWrites', params, signal);
        return { isDone: boolean(answer, 'isDone'), waiting: waitingOf(answer) };
      });
    } catch (failure) {
      const { code } = asCausewayError(failure);
      if (code === 'CW_TIMEOUT' || asCausewayError(failure).next === 'reconnect')
        return { isDone: false, waiting: null };
      throw failure;
    }
  }

  /** Ends the mount of a share in which writes wait, once all of them are here. CW_CACHE_DIRTY. */
  async finish(name: string): Promise<void> {
    const wanted = this.#wanted.get(name);
    if (wanted === undefined || !hasJournal(wanted.mount) || !(wanted.loop instanceof MountLoop)) return;
    const { mount, loop } = wanted;
    if (loop.state !== 'mounted')
      throw new CausewayError(
        'CW_CACHE_DIRTY',
        `${mount.vm} does not show ${mount.path} at the moment: what was written there may wait for it to be back`,
      );
    const limitMs = 2 * LIMITS.writeBackCleanMs.value + LIMITS.mountEndMs.value;
    try {
      await within(this.#parts.world.clock, limitMs, async (signal) => {
        await this.#ask(mount, 'endWaiting', { id: fromHex(mount.id) }, signal);
      });
    } catch (failure) {
      const { code, message } = asCausewayError(failure);
      if (code === 'CW_CACHE_DIRTY') throw failure;
      throw new CausewayError(
        'CW_CACHE_DIRTY',
        `${mount.vm} does not say whether all that was written in ${mount.path} is here: ${message}`,
      );
    }
    await this.forget(name);
  }

  /** Returns the folder of a share that no machine shows now to what it was before a batch. CW_ROLLBACK_*, CW_DISK_*. */
  async rollBack(record: StoredShare, to: number): Promise<void> {
    const { world, mounts } = this.#parts;
    const seat = rollbackSeat(record);
    if (mounts === null || seat === null)
      throw new CausewayError(
        'CW_ROLLBACK_UNKNOWN',
        `${record.name} keeps nothing of what machines overwrite`,
      );
    const { numericIds = false } = record.mount ?? {};
    const folder = { folder: record.source, readOnly: false, numericIds, asRoot: true, cacheMs: CACHE_MS };
    const options = await serverOptions(world, folder, { owner: { userId: 0, groupId: 0 } });
    const server = await mounts.serve({ ...options, rollback: { ...seat, to } });
    await server.close();
  }

  async #ask(mount: Wanted['mount'], method: string, params: CborMap, signal: AbortSignal): Promise<CborMap> {
    const mux = await this.#parts.machines.link(mount.vm).ready(signal);
    return callRpc(mux, method, params, signal);
  }

  async #waitingIn(mount: Wanted['mount']): Promise<WaitingView | null> {
    if (!hasJournal(mount)) return null;
    try {
      return await within(this.#parts.world.clock, LIMITS.cacheAskMs.value, async (signal) =>
        waitingOf(await this.#ask(mount, 'waitingFigures', { id: fromHex(mount.id) }, signal)),
      );
    } catch (failure) {
      if (failure instanceof CausewayError) return null; // figures only: the state of the mount tells what is wrong
      throw failure;
    }
  }

  async #cacheOf(mount: Wanted['mount']): Promise<CacheView | null> {
    const { vm, id, cacheBytes } = mount;
    if (cacheBytes === undefined || hasJournal(mount)) return null;
    const { machines, world } = this.#parts;
    const { clock } = world;
    try {
      return await within(clock, LIMITS.cacheAskMs.value, async (signal) => {
        const mux = await machines.link(vm).ready(signal);
        return toldCaches(await callRpc(mux, 'caches', {}, signal)).get(id) ?? null;
      });
    } catch (failure) {
      if (failure instanceof CausewayError) return null; // figures only: the state of the mount tells what is wrong
      throw failure;
    }
  }

  /** The machines keep their mounts, for the daemon that comes next. */
  async close(): Promise<void> {
    const all = [...this.#wanted.values()];
    this.#wanted.clear();
    for (const { loop } of all) if (loop instanceof MountLoop) await loop.abandon();
    await this.#leftovers.close();
    await this.#serving.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(record: StoredShare, mount: Wanted['mount'], share: ShownShare): Wanted['loop'] {
    const { world, machines, mounts } = this.#parts;
    if (mounts === null) return new CausewayError('CW_UNSUPPORTED', 'this daemon serves no mounts');
    const mountId = fromHex(mount.id);
    try {
      return new MountLoop({
        clock: world.clock,
        link: machines.link(mount.vm),
        wanted: () => this.wantedAt(mount.vm),
        opening: () => ({
          version: MOUNT_VERSIONS.max,
          role: 'client',
          mountId,
          path: mount.path,
          label: `causeway:${record.name}`,
          readOnly: record.readOnly,
          allowOther: true,
          numericIds: mount.numericIds,
          asRoot: mount.asRoot,
          cacheMs: CACHE_MS,
          ...cacheOf(this.#wanted.get(record.name)?.mount ?? mount),
        }),
        stalled: () => undefined,
        run: (stream, settled, lanes) =>
          this.#serving.serve(
            stream,
            mountId,
            async (hello, leases) => {
              const problem = await share.problem();
              if (problem !== null) throw problem;
              const options = await serverOptions(world, folderOf(record, mount), hello);
              const seat = rollbackSeat(record);
              const keeping = seat === null ? {} : { rollback: seat };
              return served(mounts, { ...options, ...keeping, leases }, share, `vm:${mount.vm}`);
            },
            settled,
            lanes,
          ),
      });
    } catch (failure) {
      return asCausewayError(failure); // the machine is not known any more
    }
  }
}

function leasesIn(serving: FarServing, { id }: Wanted['mount']): LeaseView | null {
  const figures = serving.leasesOf(fromHex(id));
  return figures && { ...figures, waits: { ...figures.waits, upTo: [...figures.waits.upTo] } };
}

function waitingOf(answer: CborMap): WaitingView | null {
  const waiting = nullable(answer, 'waiting', map);
  return waiting === null ? null : decodeWaiting(waiting);
}

/** Machines of older versions know of no policy but the usual one, and are told of no other. */
function cacheOf(mount: Wanted['mount']): Pick<MountOpening, 'cacheBytes' | 'writeBackBytes' | 'waitPolicy'> {
  const { cacheBytes } = mount;
  if (hasJournal(mount)) {
    const waitPolicy = waitPolicyOf(mount);
    const isUsual = mount.cachePolicy === 'write-back' && mount.journal === undefined;
    return { writeBackBytes: waitPolicy.dirtyMaxBytes, ...(isUsual ? {} : { waitPolicy }) };
  }
  return cacheBytes === undefined ? {} : { cacheBytes };
}

/** Serves it within its quota, and with records. */
async function served(
  mounts: Mounts,
  options: FolderServerOptions,
  share: ShownShare,
  from: string,
): Promise<FolderServer> {
  const records = share.records(() => from);
  const quota = await share.seat();
  try {
    const server = await mounts.serve({ ...options, quota, records: records?.seat ?? null }, (told) =>
      records?.take(told),
    );
    void server.ended.then(() => {
      share.leave(quota);
      return records?.close();
    });
    return server;
  } catch (failure) {
    share.leave(quota);
    throw failure;
  }
}

function folderOf({ source, readOnly }: StoredShare, mount: Wanted['mount']): ServedFolder {
  const { numericIds, asRoot } = mount;
  return { folder: source, readOnly, numericIds, asRoot, cacheMs: CACHE_MS };
}
