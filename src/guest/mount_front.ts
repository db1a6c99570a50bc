import { concat } from '../base/bytes.ts';
import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { WarmList } from '../cache/prediction/warm_list.ts';
import type { Blocks } from '../cache/store/store_types.ts';
import { openBlocks } from '../cache/tiers/open_blocks.ts';
import { Detour } from '../share/fuse/detour.ts';
import { DetourSource } from '../share/fuse/detour_pump.ts';
import { FarMount, type FrameStream } from '../share/fuse/far_mount.ts';
import { decodeDetourMark } from '../wire/mount_detour.ts';
import type { Clock } from '../world/clock.ts';
import type { FrontOrder, KernelMount, Parcel } from '../world/mounts.ts';
import { createNodeClock } from '../world/node/clock.ts';
import { createNodeCryptography } from '../world/node/cryptography.ts';
import { type FuseDevice, openFuseDevice } from '../world/node/fuse_device.ts';
import { openDetourPipe } from '../world/node/lane/detour_pipe.ts';
import type { PipeSetup } from '../world/node/lane/lane_pipe.ts';
import { frontThread, leaveFrontThread } from '../world/node/mount_front_data.ts';
import { Pump } from '../world/node/pump.ts';
import { Slots } from '../world/node/slots.ts';
import { createNodeWorld } from '../world/node/world.ts';
import { CACHE_THREAD } from './cache_thread_module.ts';

const SLOTS = LIMITS.mountSlotsMax.value;
const REQUEST_BYTES = LIMITS.mountWriteMaxBytes.value + 4_096;
/** Small requests that come together go together, as long as there is room for a large one behind them. */
const SLOT_BYTES = REQUEST_BYTES + 64 * 1024;
const LANDING_BYTES = LIMITS.mountMessageMaxBytes.value;
const LANDING_AT = SLOTS * SLOT_BYTES;
/** Answers that lie elsewhere are put there for the kernel. */
const ANSWER_AT = LANDING_AT + LANDING_BYTES;
const MEMORY_BYTES = ANSWER_AT + LANDING_BYTES;
const POLLIN = 1;
/** So often a second request is looked for where the first ones came alone. */
const LOOK_EVERY = 16;

const nothing = () => undefined;

/** Answers the kernel of one mount: its requests go over the stream that the other thread has, or over a connection of this one. */
export class MountFrontThread {
  readonly #thread = frontThread();
  /** No Buffer: what lies in it is kept by `slice`, which copies only what is none. */
  readonly #memory = new Uint8Array(new SharedArrayBuffer(MEMORY_BYTES));
  readonly #slots = new Slots(Slots.statesFor(SLOTS), 0, SLOT_BYTES);
  readonly #pump: Pump;
  readonly #device: FuseDevice;
  readonly #detour: Detour<Parcel>;
  readonly #direct: DetourSource<Parcel>;
  readonly #told = new Map<number, () => void>();
  readonly #kernel: KernelMount;
  readonly #mount: FarMount;
  #take: (bytes: Uint8Array, release: () => void) => void = (_bytes, release) => release();
  readonly #ended = Promise.withResolvers<null>();
  #stream = 0;
  /** The last look has found several requests. */
  #isBusy = false;
  #reads = 0;
  #isOn = false;
  #notices = 0;

  private constructor(ports: FrontPorts) {
    const { pump, clock, store } = ports;
    const { fuseFd, stopFd, hasAcls, readOnly, cache } = this.#thread.data;
    this.#pump = pump;
    this.#device = openFuseDevice(fuseFd, stopFd, Buffer.from(this.#memory.buffer), REQUEST_BYTES);
    this.#detour = new Detour(
      {
        link: ({ parts, release }) => {
          this.#overLink(parts);
          release();
        },
        say: (word) => this.#overLink([word]),
        take: (bytes) => this.#answers(bytes),
        settled: () => this.#thread.tell({ kind: 'settled', stream: this.#stream }),
      },
      true,
    );
    const landed = (sizeBytes: number) => this.#memory.subarray(LANDING_AT, LANDING_AT + sizeBytes);
    this.#direct = new DetourSource(this.#detour, landed);
    this.#kernel = this.#kernelMount();
    const { warm } = ports;
    const kept =
      store === null || cache === null
        ? {}
        : { store, cache: { ...cache, governor: null, ...(warm && { warm }) } };
    this.#mount = new FarMount(this.#kernel, { clock, hasAcls, readOnly, ...kept });
    void this.#mount.minor.then((minor) => this.#thread.tell({ kind: 'minor', minor }));
    this.#thread.onOrder((order) => this.#hear(order));
  }

  /** Takes up what is kept on the disk, where something is. */
  static async open(): Promise<MountFrontThread> {
    const pump = new Pump();
    const { monotonicMs, wallMs } = createNodeClock();
    const sleep = (ms: number, signal?: AbortSignal) => sleepBy(pump, ms, signal);
    const clock = { monotonicMs, wallMs, sleep };
    const { cache } = frontThread().data;
    if (cache === null) return new MountFrontThread({ pump, clock, store: null, warm: null });
    const { random, disk, offload } = createNodeWorld({ threads: CACHE_THREAD });
    const ports = { clock, random, disk, offload, crypto: createNodeCryptography() };
    const store = await openBlocks(ports, cache.place);
    const warm = new WarmList(ports, cache.place);
    return new MountFrontThread({ pump, clock, store, warm });
  }

  /** Serves until the mount ends. */
  run(): void {
    const { fuseFd, stopFd } = this.#thread.data;
    this.#pump.add({
      fd: fuseFd,
      events: () => (this.#slots.free > 0 ? POLLIN : 0),
      ready: (f) => this.#read(f),
    });
    this.#pump.add({ fd: stopFd, events: () => POLLIN, ready: (found) => found !== 0 && this.#pump.end() });
    const direct = this.#direct;
    this.#pump.add({
      get fd() {
        return direct.fd;
      },
      events: () => direct.events(),
      ready: (found) => {
        direct.ready(found);
        if (direct.hasMore) this.#pump.poke();
      },
    });
    void this.#pump.run().then(() => {
      this.#direct.end();
      this.#ended.resolve(null);
      leaveFrontThread();
    });
  }

  /** What the kernel asks: all that waits, as far as there is room, goes together. */
  #read(found: number): void {
    if (found === 0) return;
    const slot = this.#slots.take();
    if (slot < 0) return;
    const start = this.#slots.placeOf(slot);
    let sizeBytes = 0;
    let count = 0;
    while (sizeBytes + REQUEST_BYTES <= SLOT_BYTES) {
      const more = this.#device.tryNext(start + sizeBytes);
      if (more === null) this.#pump.end();
      if (more === null || more === 0) break;
      sizeBytes += more;
      count += 1;
      if (!this.#isBusy && count === 1 && this.#reads++ % LOOK_EVERY !== 0) break; // programs mostly ask one by one
    }
    this.#isBusy = count > 1;
    if (sizeBytes === 0) return this.#slots.give(slot);
    this.#take(this.#memory.subarray(start, start + sizeBytes), () => this.#slots.give(slot));
  }

  #hear(order: FrontOrder): void {
    switch (order.kind) {
      case 'begin':
        return this.#begin(order);
      case 'message':
        return this.#message(order.bytes);
      case 'over':
        return this.#over();
      case 'stalled':
        this.#mount.stalled(order.isStalled);
        if (order.isStalled) this.#direct.drop(); // it goes the same way
        return;
      case 'pipe':
        return this.#adopt(order.pipe as PipeSetup);
      case 'told':
        this.#told.get(order.notice)?.();
        this.#told.delete(order.notice);
        return;
      case 'memory':
        return this.#mount.cache?.mayHave(order.limitBytes, order.pressure);
      case 'rule':
        if (this.#mount.cache !== null) this.#mount.cache.rule = order.rule;
        return;
      case 'figures':
        return this.#tellFigures(order.question);
      case 'close':
        void this.#mount.close();
    }
  }

  #tellFigures(question: number): void {
    const figures = this.#mount.cache?.figures;
    if (figures !== undefined) this.#thread.tell({ kind: 'figures', question, figures });
  }

  #begin({ stream, ready }: Extract<FrontOrder, { kind: 'begin' }>): void {
    this.#over();
    this.#stream = stream;
    this.#isOn = true;
    const frames: FrameStream = {
      send: async (parts, release) => {
        this.#send(parts, release ?? nothing);
      },
    };
    this.#mount.begin(frames, ready);
  }

  #over(): void {
    if (!this.#isOn) return;
    this.#isOn = false;
    this.#direct.end();
    this.#mount.over();
  }

  /** Past the link each frame is a message of its own, so that the other side can leave off between two. */
  #send(parts: readonly Uint8Array[], release: () => void): void {
    if (!this.#isOn) return release();
    if (!this.#detour.isDirect) return this.#detour.send({ parts, release });
    for (const [index, part] of parts.entries())
      this.#detour.send({ parts: [part], release: index === parts.length - 1 ? release : nothing });
  }

  #overLink(parts: readonly Uint8Array[]): void {
    this.#thread.tell({ kind: 'send', stream: this.#stream, bytes: concat(parts) });
  }

  #message(bytes: Uint8Array): void {
    if (!this.#isOn) return;
    try {
      const mark = decodeDetourMark(bytes);
      if (mark === null) this.#mount.answers(bytes);
      else if (mark.mark === 'switch' || mark.mark === 'lost') this.#detour.hear(mark);
      this.#pump.poke();
    } catch (failure) {
      this.#broken(failure);
    }
  }

  #answers(bytes: Uint8Array): void {
    try {
      this.#mount.answers(bytes);
    } catch (failure) {
      this.#broken(failure);
    }
  }

  #broken(failure: unknown): void {
    const { code, message } = asCausewayError(failure);
    this.#thread.tell({ kind: 'broken', stream: this.#stream, code, message });
  }

  #adopt(setup: PipeSetup): void {
    const landing = { bytes: this.#memory.subarray(LANDING_AT, ANSWER_AT), sizeBytes: LANDING_BYTES };
    const pipe = openDetourPipe(setup, landing);
    if (pipe === null) return this.#detour.failed();
    if (!this.#isOn) return pipe.close();
    this.#direct.adopt(pipe);
    this.#pump.after(LIMITS.handshakeTimeoutMs.value, () => {
      if (this.#direct.fd === setup.fd && !this.#direct.isOpen) this.#direct.drop();
    });
    this.#pump.poke();
  }

  #kernelMount(): KernelMount {
    const { mountpoint, owner } = this.#thread.data;
    return {
      mountpoint,
      owner,
      start: (take) => {
        this.#take = take;
      },
      answer: (...parts) => this.#answer(parts),
      notify: (bytes, done) => {
        const notice = done === undefined ? null : ++this.#notices;
        if (done !== undefined) this.#told.set(this.#notices, done);
        this.#thread.tell({ kind: 'notify', bytes, notice });
      },
      readAhead: (sizeBytes) => this.#thread.tell({ kind: 'readAhead', sizeBytes }),
      ended: this.#ended.promise,
      close: async () => this.#thread.tell({ kind: 'unmount' }),
    };
  }

  #answer(parts: readonly Uint8Array[]): void {
    const [first] = parts;
    if (parts.length === 1 && first?.buffer === this.#memory.buffer)
      return this.#device.send(first.byteOffset, first.byteLength);
    let sizeBytes = 0;
    for (const part of parts) {
      this.#memory.set(part, ANSWER_AT + sizeBytes);
      sizeBytes += part.byteLength;
    }
    this.#device.send(ANSWER_AT, sizeBytes);
  }
}

interface FrontPorts {
  readonly pump: Pump;
  readonly clock: Clock;
  /** Null where nothing is kept. */
  readonly store: Blocks | null;
  readonly warm: WarmList | null;
}

function sleepBy(pump: Pump, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = pump.after(ms, () => {
      signal?.removeEventListener('abort', abort);
      resolve();
    });
    signal?.addEventListener('abort', abort, { once: true });
  });
}
