import { fromHex, toHex } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { StorePlace } from '../../cache/store/store_types.ts';
import type { LanePort } from '../../link/lane/lane_port.ts';
import type { Stream } from '../../link/mux/mux.ts';
import type { RpcHandler } from '../../link/rpc.ts';
import type { CacheFigures } from '../../wire/cache_figures.ts';
import type { CborMap } from '../../wire/cbor.ts';
import { bytes, list, optional } from '../../wire/fields.ts';
import {
  decodeMountOpening,
  decodeMountReady,
  encodeMountHello,
  HOST_TAG_BYTES,
  MOUNT_ID_BYTES,
  MOUNT_VERSIONS,
  type MountOpening,
} from '../../wire/mount_messages.ts';
import type { WaitPolicy } from '../../wire/wait_policy.ts';
import type { KernelMountOptions, Mounts } from '../../world/mounts.ts';
import type { World } from '../../world/world.ts';
import { openFarMount } from './far_front.ts';
import { FarServing, firstMessage, type StartServer } from './far_serving.ts';
import type { LinkedMount } from './linked_mount.ts';
import { MemoryGovernor } from './memory_governor.ts';
import type { MountCaches } from './mount_caches.ts';
import { serverOptions } from './server_options.ts';
import { waitingMethods } from './waiting_writes.ts';
import { WriteBackMount } from './write_back_mount.ts';

/** Mounts that a host asks this machine for: folders of this machine that it shows, and folders of the host shown here. */
export class FarMounts {
  readonly #world: World;
  readonly #mounts: Mounts;
  readonly #governor: MemoryGovernor;
  readonly #serving: FarServing;
  /** Where what is read of folders of the host may be kept; null: nowhere. */
  readonly #caches: MountCaches | null;
  readonly #here = new Map<string, LinkedMount>();
  /** What hosts have said of themselves, by the links to them: each has a say in its own mounts only. */
  readonly #tags = new WeakMap<object, string>();
  /** For which host each is. */
  readonly #hosts = new WeakMap<LinkedMount, string>();
  /** The link that each is served over: another one before it has nothing to say any more. */
  readonly #links = new WeakMap<LinkedMount, object>();
  /** Journals of mounts that nobody wishes for, in which something waits. */
  readonly #orphans = new Set<string>();

  constructor(world: World, mounts: Mounts, caches: MountCaches | null = null) {
    this.#world = world;
    this.#caches = caches;
    this.#mounts = mounts;
    this.#governor = new MemoryGovernor(world);
    this.#serving = new FarServing(world.clock);
  }

  /** What the host at the other end of that link asks before it opens streams: what is not on its list is unmounted. */
  methods(link: object): Record<string, RpcHandler> {
    return {
      mounts: async (params) => {
        const tag = optional(params, 'host', (map, name) => bytes(map, name, HOST_TAG_BYTES));
        if (tag !== undefined) this.#tags.set(link, toHex(tag));
        const keep = new Set(
          list(params, 'keep', LIMITS.mountsMax.value, (item) =>
            toHex(bytes({ item }, 'item', MOUNT_ID_BYTES)),
          ),
        );
        // what is mounted meanwhile was asked for later than this list
        for (const [id, mount] of this.#of(link)) if (!keep.has(id)) await mount.close();
        for (const id of await this.#kept(link)) if (!keep.has(id)) await this.#erase(id);
        const waits = this.#caches !== null;
        return { minVersion: MOUNT_VERSIONS.min, maxVersion: MOUNT_VERSIONS.max, waits, policies: waits };
      },
      caches: async () => ({
        caches: (await Promise.all(this.#of(link).map(toldOf))).flat(),
      }),
      ...waitingMethods(
        this.#world.clock,
        (id) => {
          const mount = this.#here.get(id);
          return mount instanceof WriteBackMount ? mount : null;
        },
        (id) => this.#erase(id),
      ),
    };
  }

  /** Takes a stream of kind `mount` of that link, which gives mounts connections of their own by `lanes`; never throws. */
  async take(stream: Stream, link: object, lanes: LanePort | null = null): Promise<void> {
    try {
      const opening = decodeMountOpening(stream.opening);
      if (opening.version !== MOUNT_VERSIONS.max)
        throw new CausewayError('CW_UNSUPPORTED', `version ${opening.version} of mounts is not known here`);
      if (opening.role === 'client') return await this.#show(stream, opening, link, lanes);
      const start: StartServer = async (hello, leases) => {
        const options = await serverOptions(this.#world, { ...opening, folder: opening.path }, hello);
        return this.#mounts.serve({ ...options, leases });
      };
      await this.#serving.serve(stream, opening.mountId, start, undefined, lanes);
    } catch (failure) {
      stream.reset(asCausewayError(failure));
    }
  }

  /** Mounts that are for the host at the other end of that link. */
  #of(link: object): [string, LinkedMount][] {
    return [...this.#here].filter(([, mount]) => this.#hosts.get(mount) === this.#hostOf(link));
  }

  /** Hosts that say nothing of themselves are one. */
  #hostOf(link: object): string {
    return this.#tags.get(link) ?? '';
  }

  /** That link has a carrier, or has none at the moment. */
  stalled(link: object, isStalled: boolean): void {
    for (const mount of this.#here.values()) if (this.#links.get(mount) === link) mount.stalled(isStalled);
  }

  async close(): Promise<void> {
    for (const mount of [...this.#here.values()]) await mount.close();
    await this.#serving.close();
  }

  async #show(stream: Stream, opening: MountOpening, link: object, lanes: LanePort | null): Promise<void> {
    const id = toHex(opening.mountId);
    const mount = this.#here.get(id) ?? (await this.#mount(id, opening, this.#hostOf(link)));
    if (mount instanceof WriteBackMount && opening.waitPolicy) mount.policy = opening.waitPolicy; // set while there was no link
    this.#links.set(mount, link);
    this.#hosts.set(mount, this.#hostOf(link)); // whoever has it shown, though it may have said something else before
    mount.stalled(false); // a host that was started again comes over a new link, and the old one has said that it is away
    await stream.send([encodeMountHello(await mount.hello())]);
    const ready = decodeMountReady(await firstMessage(stream));
    void mount.ended.then(() => stream.end()).catch(() => undefined); // the stream is over by itself
    const failure = await mount.run(stream, ready, lanes);
    if (failure !== null) return;
    await mount.close(); // the host wants it no more
    await this.#erase(id);
  }

  async #mount(id: string, opening: MountOpening, host: string): Promise<LinkedMount> {
    if (this.#here.size >= LIMITS.mountsMax.value)
      throw new CausewayError('CW_LIMIT', 'there are too many mounts');
    const { path, label, readOnly } = opening;
    const allowOther = opening.allowOther && this.#world.process.info.userId === 0;
    const place = { mountpoint: path, source: label, readOnly, allowOther, makes: true };
    const mount =
      opening.writeBackBytes === undefined
        ? await this.#through(id, opening, place, host)
        : await this.#waiting(id, opening, place, host);
    this.#hosts.set(mount, host);
    this.#here.set(id, mount);
    void mount.ended.then(() => {
      if (this.#here.get(id) === mount) this.#here.delete(id);
    });
    return mount;
  }

  async #through(
    id: string,
    opening: MountOpening,
    place: KernelMountOptions,
    host: string,
  ): Promise<LinkedMount> {
    const { numericIds: hasAcls, readOnly, cacheMs } = opening;
    const at = await this.#placeOf(id, opening, host);
    const cache = { keepsPages: cacheMs > 0, memoryBytes: LIMITS.cacheMemoryUsualBytes.value };
    const caches = this.#caches;
    const kept =
      at === null || caches === null
        ? null
        : { place: at, cache, governor: this.#governor, open: () => caches.open(at) };
    const { clock } = this.#world;
    return openFarMount(this.#mounts, place, { clock, hasAcls, readOnly, kept });
  }

  /** CW_UNSUPPORTED where this machine keeps nothing; CW_KEY_WRONG, CW_CACHE_JOURNAL. */
  async #waiting(
    id: string,
    { mountId, cacheMs, writeBackBytes = 0, waitPolicy }: MountOpening,
    place: KernelMountOptions,
    host: string,
  ): Promise<LinkedMount> {
    if (this.#caches === null)
      throw new CausewayError('CW_UNSUPPORTED', 'this machine has no place for what waits in a mount');
    const { crypto, journals } = this.#caches;
    const journal = await journals.place(id, host === '' ? null : host);
    this.#orphans.delete(id);
    const options = {
      world: this.#world,
      crypto,
      place: journal,
      mountId,
      cacheMs,
      policy: waitPolicy ?? usualPolicy(writeBackBytes),
    };
    return WriteBackMount.open(options, () => this.#mounts.mount(place));
  }

  /** Null where none is wished for, or its keys cannot be read: the mount works without. */
  async #placeOf(id: string, { cacheBytes }: MountOpening, host: string): Promise<StorePlace | null> {
    if (cacheBytes === undefined || this.#caches === null) return null;
    try {
      return await this.#caches.placeOf(id, {
        sizeBytes: cacheBytes,
        folder: null,
        ...(host !== '' && { host }),
      });
    } catch (failure) {
      if (asCausewayError(failure).code === 'CW_DAEMON_STATE') return null;
      throw failure;
    }
  }

  /** Mounts of which something is kept for that host, or for nobody knows whom; none where the keys are damaged: what they sealed is lost with them. */
  async #kept(link: object): Promise<string[]> {
    const host = this.#hostOf(link);
    try {
      const blocks = (await this.#caches?.ids(host)) ?? [];
      const journals = (await this.#caches?.journals.ids(host)) ?? [];
      return [...new Set([...blocks, ...journals])].filter((id) => !this.#orphans.has(id));
    } catch (failure) {
      if (asCausewayError(failure).code === 'CW_DAEMON_STATE') return [];
      throw failure;
    }
  }

  /** What waits in a journal stays, whoever wishes for the mount no more. */
  async #erase(id: string): Promise<boolean> {
    if (this.#caches === null) return true;
    const { journals } = this.#caches;
    if ((await journals.ids()).includes(id)) {
      if (await journals.eraseClean(id)) return true;
      this.#orphans.add(id);
      return false;
    }
    await this.#caches.erase(id, { folder: null });
    return true;
  }
}

/** Of a host that says no more than how much may wait. */
function usualPolicy(dirtyMaxBytes: number): WaitPolicy {
  return {
    writes: 'write-back',
    dirtyMaxBytes,
    ageMs: LIMITS.writeBackAgeMs.value,
    intervalMs: 0,
    batch: LIMITS.writeBackWaveMax.value,
    startPercent: 50,
    stopPercent: 45,
    splitBytes: LIMITS.writeBackSplitBytes.value,
    cutoffBytes: 0,
  };
}

async function toldOf([id, { cache, isReadOnly }]: [string, LinkedMount]): Promise<CborMap[]> {
  if (cache === null) return [];
  const { tiers: _none, ...all } = await cache.figures; // a machine keeps what it shows in one folder
  const figures: CacheFigures & CborMap = { policy: isReadOnly ? 'read-only' : 'write-through', ...all };
  return [{ id: fromHex(id), ...figures }];
}
