import { fromHex, toHex } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted } from '../base/signal.ts';
import type { StorePlace, TierPlace } from '../cache/store/store_types.ts';
import type { CachePolicy, CacheWish, PartialJournalSettings } from '../contract/cache_schemas.ts';
import type { AddMountRequest, CacheView, CacheWaitView, MountView } from '../contract/mount_schemas.ts';
import { StateFile } from '../link/session/state_file.ts';
import type { KeySeal } from '../share/fuse/cache_keys.ts';
import { openFarMount } from '../share/fuse/far_front.ts';
import { firstMessage } from '../share/fuse/far_serving.ts';
import type { LinkedMount } from '../share/fuse/linked_mount.ts';
import { MemoryGovernor } from '../share/fuse/memory_governor.ts';
import { MountCaches } from '../share/fuse/mount_caches.ts';
import { waitForMount, waitingFigures } from '../share/fuse/waiting_writes.ts';
import { WriteBackMount } from '../share/fuse/write_back_mount.ts';
import {
  decodeMountReady,
  encodeMountHello,
  MOUNT_ID_BYTES,
  MOUNT_VERSIONS,
  type MountOpening,
} from '../wire/mount_messages.ts';
import type { Cryptography } from '../world/cryptography.ts';
import type { Dir } from '../world/disk.ts';
import type { KernelMount, KernelMountOptions, Mounts } from '../world/mounts.ts';
import type { World } from '../world/world.ts';
import {
  checkBlockWish,
  checkWatermarks,
  hasJournal,
  ruleOf,
  setWish,
  waitPolicyOf,
  writesView,
} from './journal_wishes.ts';
import type { Machines } from './machines.ts';
import { placeWish, tiersOf } from './mount_cache_place.ts';
import type { KeepList } from './mount_leftovers.ts';
import { MountLoop } from './mount_loop.ts';

/** A mount as the daemon remembers it. */
interface StoredMount {
  readonly id: string;
  readonly vm: string;
  readonly folder: string;
  readonly mountpoint: string;
  readonly readOnly: boolean;
  readonly allowOther: boolean;
  readonly numericIds: boolean;
  readonly asRoot: boolean;
  readonly cacheMs: number;
  /** Of the block cache; absent where there is none. */
  readonly cacheBytes?: number;
  readonly cacheFolder?: string;
  readonly cacheTiers?: readonly TierPlace[];
  readonly cacheMemoryBytes?: number;
  readonly cachePolicy?: CachePolicy;
  /** It has a journal, whatever its policy is now. */
  readonly hasJournal?: boolean;
  readonly journal?: PartialJournalSettings;
}

interface Live {
  record: StoredMount;
  readonly loop: MountLoop;
  /** What it is mounted by; null while it is not. */
  readonly mount: () => LinkedMount | null;
  readonly close: () => Promise<void>;
}

export interface VmMountsParts {
  readonly world: World;
  readonly machines: Pick<Machines, 'link' | 'has'>;
  /** Null where this daemon mounts nothing. */
  readonly mounts: Mounts | null;
  /** What a machine is to have mounted itself. */
  readonly wantedAt: (vm: string) => KeepList;
  /** What keys of caches are sealed with. */
  readonly keys: { readonly seal: KeySeal; readonly crypto: Cryptography };
}

const FILE_NAME = 'mounts.json';
const CACHE_MS = 1_000;

/** Folders of machines that this host shows: what is wished for is in `mounts.json`, what is mounted follows it. */
export class VmMounts implements AsyncDisposable {
  readonly #parts: VmMountsParts;
  readonly #file: StateFile;
  readonly #live = new Map<string, Live>();
  readonly #caches: MountCaches;
  readonly #governor: MemoryGovernor;

  constructor(parts: VmMountsParts, dir: Dir, dirPath: string) {
    this.#parts = parts;
    this.#file = new StateFile(dir, dirPath, FILE_NAME);
    const { world, keys } = parts;
    this.#governor = new MemoryGovernor(world);
    const { crypto } = keys;
    this.#caches = MountCaches.sealedBy(keys.seal, { world, crypto, dir, dataDirectory: dirPath });
  }

  /** Mounts what is in the file. CW_DAEMON_STATE. */
  async start(): Promise<void> {
    const stored = await this.#file.read();
    for (const record of (stored?.body['mounts'] ?? []) as StoredMount[])
      if (this.#parts.machines.has(record.vm)) this.#live.set(record.mountpoint, this.#begin(record));
      else if (!hasJournal(record)) await this.#erase(record); // what waits in a journal is thrown away by nobody
  }

  views(): Promise<MountView[]> {
    return Promise.all([...this.#live.values()].map(viewOf));
  }

  /** Resolves once it is mounted. CW_VM_UNKNOWN, CW_MOUNT_EXISTS, CW_MOUNT_ROOT, CW_DISK_*, CW_VM_OFFLINE, CW_LIMIT, CW_UNSUPPORTED. */
  async add(request: AddMountRequest): Promise<MountView> {
    const { world } = this.#parts;
    const { vm, folder, mountpoint } = request;
    if (!folder.startsWith('/') || !mountpoint.startsWith('/'))
      throw new CausewayError('CW_USAGE', 'absolute paths of folders are needed');
    if (this.#live.has(mountpoint))
      throw new CausewayError('CW_MOUNT_EXISTS', `something is mounted at ${mountpoint} already`);
    if (this.#live.size >= LIMITS.mountsMax.value)
      throw new CausewayError('CW_LIMIT', 'there are too many mounts');
    const cache = cacheOf(request);
    if (cache.cacheBytes !== undefined) await this.#caches.check(placeWish(cache));
    const live = this.#begin({
      id: toHex(world.random.bytes(MOUNT_ID_BYTES)),
      vm,
      folder,
      mountpoint,
      readOnly: request.readOnly === true || request.cachePolicy === 'read-only',
      allowOther: request.allowOther === true,
      numericIds: request.numericIds === true,
      asRoot: request.asRoot === true,
      cacheMs: request.cacheMs ?? CACHE_MS,
      ...cache,
    });
    this.#live.set(mountpoint, live);
    const late = new AbortController();
    const deadline = new AbortController();
    world.clock.sleep(LIMITS.mountOutageMs.value, deadline.signal).then(
      () => late.abort(new CausewayError('CW_VM_OFFLINE', `${vm} does not answer`)),
      () => undefined, // it came in time
    );
    try {
      await orAborted(live.loop.first, late.signal);
      await this.#save();
    } catch (failure) {
      this.#live.delete(mountpoint);
      await live.close();
      await this.#erase(live.record);
      throw failure;
    } finally {
      deadline.abort();
    }
    return viewOf(live);
  }

  /** CW_MOUNT_UNKNOWN. From under programs that use it too, which get errors from then on. */
  async remove(mountpoint: string): Promise<void> {
    const live = this.#live.get(mountpoint);
    if (live === undefined)
      throw new CausewayError('CW_MOUNT_UNKNOWN', `no folder of a machine is mounted at ${mountpoint}`);
    if (hasJournal(live.record)) await this.#finish(live);
    this.#live.delete(mountpoint);
    await this.#save();
    await live.close();
    await this.#erase(live.record);
  }

  /** Waits for what was written in mounts whose writes wait. CW_MOUNT_UNKNOWN, CW_USAGE where that one's do not. */
  async waitFor(mountpoint: string, clean: boolean, waitMs: number): Promise<CacheWaitView> {
    const live = this.#live.get(mountpoint);
    if (live === undefined)
      throw new CausewayError('CW_MOUNT_UNKNOWN', `no folder of a machine is mounted at ${mountpoint}`);
    if (!hasJournal(live.record))
      throw new CausewayError('CW_USAGE', `${mountpoint} has no journal: nothing waits there`);
    return waitForMount(this.#parts.world.clock, () => waitingMount(live), { clean, waitMs });
  }

  /** Changes what becomes of writes in a mount, while it works. CW_MOUNT_UNKNOWN, CW_USAGE. */
  async setCache(mountpoint: string, wish: CacheWish): Promise<MountView> {
    const live = this.#live.get(mountpoint);
    if (live === undefined)
      throw new CausewayError('CW_MOUNT_UNKNOWN', `no folder of a machine is mounted at ${mountpoint}`);
    const { policy } = wish;
    if (live.record.readOnly && policy !== undefined && policy !== 'read-only')
      throw new CausewayError('CW_USAGE', `${mountpoint} was mounted read-only: mount it anew to write`);
    live.record = { ...live.record, ...setWish(live.record, wish, mountpoint) };
    await this.#save();
    const mount = waitingMount(live);
    const blocks = live.mount()?.cache ?? null;
    if (mount !== null) mount.policy = waitPolicyOf(live.record);
    else if (blocks !== null) blocks.rule = ruleOf(live.record);
    return viewOf(live);
  }

  /** All that was written is over there. CW_CACHE_DIRTY. */
  async #finish(live: Live): Promise<void> {
    const mount = waitingMount(live);
    if (mount !== null) return mount.finish();
    const { id, mountpoint, vm } = live.record;
    const { changes, dirtyBytes } = await this.#caches.journals.left(id);
    if (changes === 0) return;
    throw new CausewayError(
      'CW_CACHE_DIRTY',
      `${changes} changes (${dirtyBytes} bytes) in ${mountpoint} wait for ${vm}, which is not there`,
    );
  }

  async close(): Promise<void> {
    const all = [...this.#live.values()];
    this.#live.clear();
    await Promise.all(all.map((live) => live.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #save(): Promise<void> {
    return this.#file.write({ mounts: [...this.#live.values()].map(({ record }) => record) });
  }

  async #erase(record: StoredMount): Promise<void> {
    const { id, cacheBytes } = record;
    if (hasJournal(record)) {
      await this.#caches.journals.eraseClean(id);
      return;
    }
    if (cacheBytes !== undefined) await this.#caches.erase(id, placeWish(record));
  }

  /** Null where none is wished for, or its key is not to be had: the mount works without. */
  async #placeOf(record: StoredMount): Promise<StorePlace | null> {
    if (record.cacheBytes === undefined) return null;
    try {
      return await this.#caches.placeOf(record.id, placeWish(record));
    } catch (failure) {
      if (asCausewayError(failure).code === 'CW_DAEMON_STATE') return null;
      throw failure;
    }
  }

  async #through(record: StoredMount, mounts: Mounts, place: KernelMountOptions): Promise<LinkedMount> {
    const at = await this.#placeOf(record);
    const { clock } = this.#parts.world;
    const { cacheMs, cacheMemoryBytes, numericIds: hasAcls, readOnly } = record;
    const memoryBytes = cacheMemoryBytes ?? LIMITS.cacheMemoryUsualBytes.value;
    const governor = cacheMemoryBytes === undefined ? this.#governor : null;
    const cache = { keepsPages: cacheMs > 0, memoryBytes, rule: ruleOf(record) };
    const kept = at === null ? null : { place: at, cache, governor, open: () => this.#caches.open(at) };
    return openFarMount(mounts, place, { clock, hasAcls, readOnly, kept });
  }

  async #waiting(record: StoredMount, ofKernel: () => Promise<KernelMount>): Promise<LinkedMount> {
    const { world, keys } = this.#parts;
    const { id, cacheMs } = record;
    return WriteBackMount.open(
      {
        world,
        crypto: keys.crypto,
        place: await this.#caches.journals.place(id),
        mountId: fromHex(id),
        cacheMs,
        policy: waitPolicyOf(record),
      },
      ofKernel,
    );
  }

  #begin(first: StoredMount): Live {
    const { world, machines, mounts, wantedAt } = this.#parts;
    if (mounts === null) throw new CausewayError('CW_UNSUPPORTED', 'this daemon mounts nothing');
    const { vm, readOnly, allowOther, mountpoint } = first;
    const source = `${vm}:${first.folder}`;
    const wish = { record: first };
    let mount: LinkedMount | null = null;
    const place = { mountpoint, source, readOnly, allowOther, makes: false };
    const mounted = async (): Promise<LinkedMount> => {
      if (mount !== null) return mount;
      const { record } = wish;
      mount = hasJournal(record)
        ? await this.#waiting(record, () => mounts.mount(place))
        : await this.#through(record, mounts, place);
      const made = mount;
      void made.ended.then(() => {
        if (mount === made) mount = null;
      });
      return made;
    };
    const loop = new MountLoop({
      clock: world.clock,
      link: machines.link(vm),
      wanted: () => wantedAt(vm),
      opening: () => openingOf(wish.record, source),
      stalled: (isStalled) => mount?.stalled(isStalled),
      run: async (stream, settled, lanes) => {
        const now = await mounted();
        await stream.send([encodeMountHello(await now.hello())]);
        const ready = decodeMountReady(await firstMessage(stream));
        settled();
        void now.ended.then(() => stream.end()).catch(() => undefined); // the stream is over by itself
        return (await mounted()).run(stream, ready, lanes);
      },
    });
    const close = async () => {
      await mount?.close();
      await loop.close();
    };
    return {
      get record() {
        return wish.record;
      },
      set record(record) {
        wish.record = record;
      },
      ...{ loop, close, mount: () => mount },
    };
  }
}

function openingOf(
  { id, folder, readOnly, allowOther, numericIds, asRoot, cacheMs }: StoredMount,
  label: string,
): MountOpening {
  return {
    version: MOUNT_VERSIONS.max,
    role: 'server',
    mountId: fromHex(id),
    path: folder,
    label,
    readOnly,
    allowOther,
    numericIds,
    asRoot,
    cacheMs,
  };
}

type StoredCache = Pick<
  StoredMount,
  'cacheBytes' | 'cacheFolder' | 'cacheTiers' | 'cachePolicy' | 'cacheMemoryBytes' | 'journal'
>;

function cacheOf(request: AddMountRequest): StoredCache {
  const { cacheFolder, cacheMemoryBytes, cachePolicy = 'write-through' } = request;
  if (cacheFolder !== undefined && !cacheFolder.startsWith('/'))
    throw new CausewayError('CW_USAGE', `${cacheFolder}: an absolute path is needed`);
  if (hasJournal({ cachePolicy })) return { cachePolicy, ...journalOf(request) };
  const { journal } = request;
  checkBlockWish({ journal });
  const { cacheTiers, cacheBytes } = tiersOf(request);
  if (cacheBytes === undefined || cachePolicy === 'none') return {};
  return {
    cacheBytes,
    cachePolicy,
    ...(journal && { journal }),
    ...(cacheTiers === undefined ? {} : { cacheTiers }),
    ...(cacheFolder === undefined ? {} : { cacheFolder }),
    ...(cacheMemoryBytes === undefined ? {} : { cacheMemoryBytes }),
  };
}

/** How much may wait; what cannot go with it is refused. */
function journalOf(request: AddMountRequest): Pick<StoredMount, 'cacheBytes' | 'journal'> {
  const { numericIds, readOnly, cacheFolder, cacheTiers, cacheBytes, journal } = request;
  const isElsewhere = cacheFolder !== undefined || cacheTiers !== undefined;
  if (numericIds === true || readOnly === true || isElsewhere)
    throw new CausewayError(
      'CW_USAGE',
      'a mount with a journal has one owner, is writable, and keeps its journal in the data directory: leave --numeric-ids, --read-only, --cache-dir and --cache-tier out',
    );
  const wish = { ...(cacheBytes === undefined ? {} : { cacheBytes }), ...(journal && { journal }) };
  checkWatermarks(wish);
  return wish;
}

function waitingMount({ mount }: Live): WriteBackMount | null {
  const mounted = mount();
  return mounted instanceof WriteBackMount ? mounted : null;
}

async function viewOf(live: Live): Promise<MountView> {
  const { record, loop } = live;
  const mount = waitingMount(live);
  const cachePolicy = record.cachePolicy ?? null;
  const waiting = mount === null ? null : waitingFigures(mount.waiting);
  const { vm, folder, mountpoint, readOnly } = record;
  const error = loop.error?.report() ?? null;
  return {
    vm,
    folder,
    mountpoint,
    readOnly,
    state: loop.state,
    error,
    cache: await cacheView(live),
    cachePolicy,
    writes: writesView(record),
    waiting,
  };
}

async function cacheView({ record, mount }: Live): Promise<CacheView | null> {
  const cache = mount()?.cache ?? null;
  if (cache === null) return null;
  return { policy: record.cachePolicy ?? 'write-through', ...(await cache.figures) };
}
