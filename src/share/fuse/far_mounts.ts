import { toHex } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Stream } from '../../link/mux/mux.ts';
import type { RpcHandler } from '../../link/rpc.ts';
import { bytes, list } from '../../wire/fields.ts';
import {
  decodeMountOpening,
  decodeMountReady,
  encodeMountHello,
  MOUNT_ID_BYTES,
  MOUNT_VERSIONS,
  type MountOpening,
} from '../../wire/mount_messages.ts';
import type { Mounts } from '../../world/mounts.ts';
import type { World } from '../../world/world.ts';
import { FarMount } from './far_mount.ts';
import { FarServing, firstMessage } from './far_serving.ts';
import { serverOptions } from './server_options.ts';

/** Mounts that a host asks this machine for: folders of this machine that it shows, and folders of the host shown here. */
export class FarMounts {
  readonly #world: World;
  readonly #mounts: Mounts;
  readonly #serving: FarServing;
  readonly #here = new Map<string, FarMount>();
  /** The link that each is served over: another one before it has nothing to say any more. */
  readonly #links = new WeakMap<FarMount, object>();

  constructor(world: World, mounts: Mounts) {
    this.#world = world;
    this.#mounts = mounts;
    this.#serving = new FarServing(world.clock);
  }

  /** What the host asks before it opens streams: what is not on its list is unmounted. */
  get methods(): Record<string, RpcHandler> {
    return {
      mounts: async (params) => {
        const keep = new Set(
          list(params, 'keep', LIMITS.mountsMax.value, (item) =>
            toHex(bytes({ item }, 'item', MOUNT_ID_BYTES)),
          ),
        );
        for (const [id, mount] of this.#here) if (!keep.has(id)) await mount.close();
        return { minVersion: MOUNT_VERSIONS.min, maxVersion: MOUNT_VERSIONS.max };
      },
    };
  }

  /** Takes a stream of kind `mount` of that link; never throws. */
  async take(stream: Stream, link: object): Promise<void> {
    try {
      const opening = decodeMountOpening(stream.opening);
      if (opening.version !== MOUNT_VERSIONS.max)
        throw new CausewayError('CW_UNSUPPORTED', `version ${opening.version} of mounts is not known here`);
      if (opening.role === 'client') return await this.#show(stream, opening, link);
      await this.#serving.serve(stream, opening.mountId, async (owner) =>
        this.#mounts.serve(await serverOptions(this.#world, { ...opening, folder: opening.path }, owner)),
      );
    } catch (failure) {
      stream.reset(asCausewayError(failure));
    }
  }

  /** That link has a carrier, or has none at the moment. */
  stalled(link: object, isStalled: boolean): void {
    for (const mount of this.#here.values()) if (this.#links.get(mount) === link) mount.stalled(isStalled);
  }

  async close(): Promise<void> {
    for (const mount of [...this.#here.values()]) await mount.close();
    await this.#serving.close();
  }

  async #show(stream: Stream, opening: MountOpening, link: object): Promise<void> {
    const id = toHex(opening.mountId);
    const mount = this.#here.get(id) ?? (await this.#mount(id, opening));
    this.#links.set(mount, link);
    mount.stalled(false); // a host that was started again comes over a new link, and the old one has said that it is away
    await stream.send([encodeMountHello({ owner: mount.kernel.owner })]);
    const ready = decodeMountReady(await firstMessage(stream));
    void mount.kernel.ended.then(() => stream.end()).catch(() => undefined); // the stream is over by itself
    const failure = await mount.run(stream, ready);
    if (failure === null) await mount.close(); // the host wants it no more
  }

  async #mount(id: string, opening: MountOpening): Promise<FarMount> {
    if (this.#here.size >= LIMITS.mountsMax.value)
      throw new CausewayError('CW_LIMIT', 'there are too many mounts');
    const { path, label, readOnly, numericIds } = opening;
    const allowOther = opening.allowOther && this.#world.process.info.userId === 0;
    const kernel = await this.#mounts.mount({
      mountpoint: path,
      source: label,
      readOnly,
      allowOther,
      makes: true,
    });
    const mount = new FarMount(kernel, { clock: this.#world.clock, hasAcls: numericIds });
    this.#here.set(id, mount);
    void kernel.ended.then(() => this.#here.delete(id));
    return mount;
  }
}
