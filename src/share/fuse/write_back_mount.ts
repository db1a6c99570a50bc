import { toHex } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type RelPath, ROOT_PATH, splitRel } from '../../base/path.ts';
import type { JournalPlace } from '../../cache/write_back/journal.ts';
import { type WriteBackStatus, WriteBackTree } from '../../cache/write_back/write_back_tree.ts';
import type { FlushPolicy } from '../../cache/write_back/write_policy.ts';
import type { Stream } from '../../link/mux/mux.ts';
import type { MountHello, MountReady } from '../../wire/mount_messages.ts';
import type { WaitPolicy } from '../../wire/wait_policy.ts';
import type { Cryptography } from '../../world/cryptography.ts';
import type { KernelMount } from '../../world/mounts.ts';
import type { World } from '../../world/world.ts';
import { errorAnswer, writeHead } from './far_writes.ts';
import { Frame } from './frame.ts';
import { answerInit } from './init.ts';
import type { LinkedMount } from './linked_mount.ts';
import { EXPIRES, inodeNotice, nameNotice } from './notices.ts';
import { ERRNO, INIT_OUT_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';
import { RemoteTree } from './remote/remote_tree.ts';
import { TreeServer } from './served/tree_server.ts';

/** 7.38 (Linux 6.2) knows FUSE_EXPIRE_ONLY. */
const MINOR_EXPIRES = 38;
const TAG_BYTES = 4;
const PERCENT = 100;

function flushPolicyOf({ startPercent, stopPercent, ...policy }: WaitPolicy): FlushPolicy {
  return { ...policy, startShare: startPercent / PERCENT, stopShare: stopPercent / PERCENT };
}

export interface WriteBackMountOptions {
  readonly world: World;
  readonly crypto: Cryptography;
  readonly place: JournalPlace;
  readonly mountId: Uint8Array;
  readonly cacheMs: number;
  readonly policy: WaitPolicy;
}

/**
 * A mount of this machine in which what is written waits in a journal on a disk of it ({@link WriteBackTree}), and is sent on to
 * the machine that has the folder. Programs write on while that one is away.
 */
export class WriteBackMount implements LinkedMount {
  readonly kernel: KernelMount;
  readonly cache = null;
  readonly isReadOnly = false;
  readonly #remote: RemoteTree;
  readonly #tree: WriteBackTree;
  readonly #server: TreeServer;
  readonly #world: World;
  #minor = 0;
  #doubted: readonly RelPath[];
  #isFinishing = false;
  readonly #ended = Promise.withResolvers<void>();
  #ending: Promise<void> | null = null;

  private constructor(
    kernel: KernelMount,
    { world, cacheMs }: WriteBackMountOptions,
    { remote, tree }: { readonly remote: RemoteTree; readonly tree: WriteBackTree },
  ) {
    this.kernel = kernel;
    this.#world = world;
    this.#remote = remote;
    this.#tree = tree;
    this.#doubted = tree.foldersInDoubt();
    const { clock } = world;
    const { owner } = kernel;
    this.#server = new TreeServer(
      { tree, sync: () => tree.sync(), clock, owner, readOnly: false, cacheMs },
      (bytes) => kernel.answer(bytes),
    );
    kernel.start((bytes, release) => this.#take(bytes, release));
    void kernel.ended.then(() => (this.#isFinishing ? undefined : this.#end()));
  }

  /** Goes on with what an earlier one has left. `mount` is called once that is known. CW_CACHE_JOURNAL, CW_DISK_*. */
  static async open(
    options: WriteBackMountOptions,
    mount: () => Promise<KernelMount>,
  ): Promise<WriteBackMount> {
    const { world, crypto, place, mountId, policy } = options;
    const { clock, random, disk } = world;
    let made: WriteBackMount | null = null;
    const remote = new RemoteTree({
      clock,
      random,
      tag: toHex(mountId.subarray(0, TAG_BYTES)),
      onChanged: (path, isName) => made?.changed(path, isName),
    });
    let kernel: KernelMount | null = null;
    const owner = {
      get userId() {
        return kernel?.owner.userId ?? 0;
      },
      get groupId() {
        return kernel?.owner.groupId ?? 0;
      },
    };
    try {
      const settings = {
        place,
        owner,
        asking: remote.asking,
        ...flushPolicyOf(policy),
      };
      const tree = await WriteBackTree.open({ clock, random, disk, crypto }, remote, settings);
      try {
        kernel = await mount();
        made = new WriteBackMount(kernel, options, { remote, tree });
        return made;
      } catch (failure) {
        remote.calls.close();
        await tree.close();
        throw failure;
      }
    } catch (failure) {
      remote.calls.close();
      throw failure;
    }
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  get waiting(): WriteBackStatus {
    return this.#tree.status;
  }

  /** What is changed from now on goes by that one; what waits is sent on all the same. */
  set policy(policy: WaitPolicy) {
    this.#tree.policy = flushPolicyOf(policy);
  }

  async hello(): Promise<MountHello> {
    return { owner: this.kernel.owner, begins: this.#remote.calls.begins, hears: true };
  }

  run(stream: Stream, ready: MountReady): Promise<CausewayError | null> {
    const running = this.#remote.calls.run(stream, ready);
    void this.#begin();
    return running;
  }

  stalled(isStalled: boolean): void {
    this.#remote.calls.stalled(isStalled);
    if (!isStalled) this.#tree.retry();
  }

  /** All that waits now is over there when it resolves. Throws why something of it cannot be sent on. */
  flush(signal: AbortSignal): Promise<void> {
    return this.#tree.flush(signal);
  }

  /** Resolves once nothing waits. */
  waitClean(signal: AbortSignal): Promise<void> {
    return this.#tree.waitClean(signal);
  }

  /** Takes the mount away once all that was written is over there. CW_CACHE_DIRTY: then it stays, or comes again. */
  async finish(): Promise<void> {
    await this.#cleanWithin();
    this.#isFinishing = true;
    try {
      await this.kernel.close();
      await this.#server.close(); // programs that had something open may have written on until now
      await this.#cleanWithin();
    } finally {
      await this.#end();
    }
  }

  /** What waits stays in the journal. */
  async close(): Promise<void> {
    await this.kernel.close();
    await this.#end();
  }

  async #cleanWithin(): Promise<void> {
    const late = new AbortController();
    const done = new AbortController();
    const timer = this.#world.clock.sleep(LIMITS.writeBackCleanMs.value, done.signal).then(
      () => late.abort(new CausewayError('CW_TIMEOUT', 'it takes too long')),
      () => undefined, // it came in time
    );
    try {
      await this.#tree.flush(late.signal);
    } catch (failure) {
      const { changes, dirtyBytes } = this.waiting;
      const { message } = asCausewayError(failure);
      throw new CausewayError(
        'CW_CACHE_DIRTY',
        `${changes} changes (${dirtyBytes} bytes) in ${this.kernel.mountpoint} are not on the other machine yet: ${message}`,
      );
    } finally {
      done.abort();
      await timer;
    }
  }

  #end(): Promise<void> {
    this.#ending ??= this.#close().finally(() => this.#ended.resolve());
    return this.#ending;
  }

  async #close(): Promise<void> {
    await this.#server.close();
    this.#remote.calls.close();
    await this.#tree.close();
  }

  async #begin(): Promise<void> {
    await this.#cleaned();
    // known from now on: what waits below it is reached while the other machine is away
    await this.#remote.lookup(ROOT_PATH).catch(() => undefined);
    this.#tree.retry();
  }

  /** What a process before has left over there, not whole, goes. */
  async #cleaned(): Promise<void> {
    const folders = this.#doubted;
    this.#doubted = [];
    for (const folder of folders)
      try {
        await this.#remote.removeRemains(folder);
      } catch (failure) {
        if (asCausewayError(failure).next === 'reconnect') this.#doubted = folders; // at the next link
      }
  }

  #take(bytes: Uint8Array, release: () => void): void {
    const own = bytes.slice();
    release();
    const view = new DataView(own.buffer, own.byteOffset, own.byteLength);
    for (let at = 0; at + 4 <= own.byteLength; ) {
      const sizeBytes = view.getUint32(at, true);
      if (sizeBytes < 8 || at + sizeBytes > own.byteLength) return; // no request of a kernel
      const frame = own.subarray(at, at + sizeBytes);
      if (view.getUint32(at + 4, true) === OP.init) this.#init(frame);
      else this.#server.take(frame);
      at += sizeBytes;
    }
  }

  #init(bytes: Uint8Array): void {
    const copy = bytes.slice();
    const memory = { bytes: Buffer.from(copy.buffer), view: new DataView(copy.buffer), emptyNameAt: 0 };
    const frame = new Frame(memory);
    if (!frame.read(0, copy.byteLength)) return;
    if (frame.holds(8)) this.#minor = memory.view.getUint32(frame.body + 4, true);
    const answer = new DataView(new ArrayBuffer(OUT_HEADER_BYTES + INIT_OUT_BYTES));
    const wishes = { wantsBacking: false, wantsDirect: false, hasAcls: false, hasLocks: false };
    const agreed = answerInit(memory.view, answer, frame, OUT_HEADER_BYTES, wishes);
    const unique = memory.view.getBigUint64(8, true);
    if (typeof agreed === 'number') return this.kernel.answer(errorAnswer(unique, ERRNO.EPROTO));
    this.#server.xattrs.hasLongSetxattr = agreed.hasLongSetxattr;
    writeHead(answer, 0, unique);
    this.kernel.answer(new Uint8Array(answer.buffer));
    this.kernel.readAhead(LIMITS.mountReadAheadBytes.value);
  }

  /** Others have changed it over there: the kernel is to ask again. */
  private changed(path: RelPath, isName: boolean): void {
    const id = this.#server.knownAt(path);
    if (id !== null) this.kernel.notify(inodeNotice(BigInt(id)));
    if (!isName || this.#minor < MINOR_EXPIRES) return;
    const { parent, name } = splitRel(path);
    const folder = this.#server.knownAt(parent);
    if (folder === null) return;
    const latin1 = Buffer.from(name).toString('latin1');
    this.kernel.notify(nameNotice(BigInt(folder), latin1, EXPIRES));
  }
}
