import { once } from 'node:events';
import type { Worker } from 'node:worker_threads';
import { asCausewayError, CausewayError, fromReport } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type {
  FolderServer,
  FolderServerOptions,
  LeaseOrder,
  LeaseTold,
  PipeEnd,
  TakeBytes,
  ToldDeed,
} from '../mounts.ts';
import type { FolderThreadMessage, FrameOrder, FrameSlots } from './folder_server_data.ts';
import { startThread } from './kernel_mount.ts';
import { dropPipeEnd } from './lane/detour_pipe.ts';
import type { ThreadModule } from './offload.ts';
import { offersPump } from './pump.ts';
import { Slots } from './slots.ts';

/** Starts the thread that serves a folder. What it refuses is thrown. */
export async function openFolderServer(
  serving: ThreadModule,
  options: FolderServerOptions,
  tell: (told: ToldDeed) => void = () => undefined,
): Promise<FolderServer> {
  const worker = startThread(serving, options);
  worker.on('message', (message: FolderThreadMessage) => {
    if ('deed' in message) tell(message.deed);
  });
  const slots = await new Promise<FrameSlots>((resolve, reject) => {
    worker.once('error', (thrown) => reject(asCausewayError(thrown)));
    worker.once('message', (message: FolderThreadMessage) => {
      if ('ready' in message) resolve(message.ready);
      else if ('refused' in message) reject(fromReport(message.refused));
    });
  });
  return new NodeFolderServer(worker, slots);
}

class NodeFolderServer implements FolderServer {
  readonly ended: Promise<CausewayError | null>;
  readonly #worker: Worker;
  readonly #memory: Buffer;
  readonly #requests: Slots;
  readonly #answers: Slots;
  #freed: (() => void) | null = null;
  #isOver = false;
  #take: TakeBytes = (_bytes, release) => release();
  #lease: (told: LeaseTold) => void = () => undefined;

  constructor(worker: Worker, slots: FrameSlots) {
    this.#worker = worker;
    this.#memory = Buffer.from(slots.memory);
    this.#requests = new Slots(slots.requestStates, slots.requestsAt, slots.slotBytes);
    this.#answers = new Slots(slots.answerStates, slots.answersAt, slots.slotBytes);
    let failure: CausewayError | null = null;
    worker.on('error', (thrown) => {
      failure = asCausewayError(thrown);
    });
    worker.on('message', (message: FolderThreadMessage) => this.#hear(message));
    this.ended = once(worker, 'exit').then(() => {
      this.#isOver = true;
      this.#freed?.();
      return failure;
    });
  }

  start(take: TakeBytes): void {
    this.#take = take;
    if (!this.#isOver) this.#worker.postMessage({ begin: true } satisfies FrameOrder);
  }

  get adopt(): ((pipe: PipeEnd) => void) | undefined {
    if (!offersPump()) return undefined;
    return (pipe) => {
      if (!this.#isOver) this.#worker.postMessage({ pipe } satisfies FrameOrder);
      else dropPipeEnd(pipe);
    };
  }

  onLease(take: (told: LeaseTold) => void): void {
    this.#lease = take;
  }

  lease(order: LeaseOrder): void {
    if (!this.#isOver) this.#worker.postMessage({ lease: order } satisfies FrameOrder);
  }

  async serve(bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > LIMITS.mountMessageMaxBytes.value)
      throw new CausewayError('CW_WIRE_TOO_LARGE', `${bytes.byteLength} bytes of requests at once`);
    let slot = this.#requests.take();
    while (slot < 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#freed = resolve;
      });
      slot = this.#requests.take();
    }
    if (slot < 0) return;
    this.#memory.set(bytes, this.#requests.placeOf(slot));
    this.#worker.postMessage({ slot, sizeBytes: bytes.byteLength } satisfies FrameOrder);
  }

  /** The thread closes what it has open, where it still answers: descriptors and locks would outlive it. */
  async close(): Promise<void> {
    this.#take = (_bytes, release) => release();
    this.#isOver = true;
    this.#freed?.();
    this.#worker.postMessage({ end: true } satisfies FrameOrder);
    const late = setTimeout(() => void this.#worker.terminate(), LIMITS.mountEndMs.value);
    await this.ended;
    clearTimeout(late);
  }

  #hear(message: FolderThreadMessage): void {
    if ('answers' in message) {
      const at = this.#answers.placeOf(message.answers);
      this.#take(this.#memory.subarray(at, at + message.sizeBytes), () =>
        this.#answers.give(message.answers),
      );
    } else if ('word' in message) this.#take(message.word, () => undefined);
    else if ('lease' in message) this.#lease(message.lease);
    else if ('served' in message) {
      this.#requests.give(message.served);
      const freed = this.#freed;
      this.#freed = null;
      freed?.();
    }
  }
}
