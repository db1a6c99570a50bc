import { LIMITS } from '../base/limits.ts';
import { Detour } from '../share/fuse/detour.ts';
import { DetourSource } from '../share/fuse/detour_pump.ts';
import { FarFolder } from '../share/fuse/far_folder.ts';
import { decodeDetourMark } from '../wire/mount_detour.ts';
import type { LeaseOrder, Parcel } from '../world/mounts.ts';
import { createNodeClock } from '../world/node/clock.ts';
import { settleFile } from '../world/node/file_sync.ts';
import { openFolderEvents } from '../world/node/folder_events.ts';
import { type FrameOrder, folderThread, leaveFolderThread } from '../world/node/folder_server_data.ts';
import { openDetourPipe } from '../world/node/lane/detour_pipe.ts';
import type { PipeSetup } from '../world/node/lane/lane_pipe.ts';
import { createPosix } from '../world/node/posix_calls.ts';
import { offersPump, Pump } from '../world/node/pump.ts';
import { Slots } from '../world/node/slots.ts';
import { callAfter } from '../world/node/thread_timer.ts';

const { slotBytes, requestsAt, answersAt, landingAt, laterAt } = FarFolder.PLACES;
/** Answers up to that size are copied, so that those which wait to be heard of leave memory for others. */
const COPIED_MAX_BYTES = 64 * 1024;
/** Answers of one request and what comes beside it find room. */
const FREE_MIN = LIMITS.mountAnswersFreeMin.value;

/** Whole answers, and the piece of memory in which they lie; -1 where they were copied. */
interface Answers extends Parcel {
  readonly slot: number;
  readonly sizeBytes: number;
}

/** Answers the kernel of another machine, whose requests come from the other thread, or over a connection of this one. */
export class MountServeThread {
  readonly #thread = folderThread();
  readonly #posix = createPosix(FarFolder.MEMORY_BYTES, true);
  readonly #requestStates = Slots.statesFor(FarFolder.SLOTS);
  readonly #answerStates = Slots.statesFor(FarFolder.SLOTS);
  readonly #answers = new Slots(this.#answerStates, answersAt, slotBytes);
  /** Null where connections are not served here. */
  readonly #pump = offersPump() ? new Pump() : null;
  readonly #detour: Detour<Answers>;
  readonly #direct: DetourSource<Answers>;
  readonly #folder: FarFolder;
  /** Requests that wait until there is memory for their answers. */
  readonly #backlog: Uint8Array[] = [];
  #backlogBytes = 0;
  #isPumping = false;
  #isOver = false;

  /** CW_DISK_*, CW_UNSUPPORTED. */
  constructor() {
    const { options, tell } = this.#thread;
    const ports = {
      link: ({ slot, sizeBytes, parts }: Answers) =>
        slot < 0 ? tell({ word: parts[0] ?? new Uint8Array(0) }) : tell({ answers: slot, sizeBytes }),
      say: (word: Uint8Array) => tell({ word }),
      take: (bytes: Uint8Array) => this.#requests(bytes),
      settled: () => undefined, // the other side asks for the next one
    };
    this.#detour = new Detour(ports, false);
    const { bytes } = this.#posix.memory;
    this.#direct = new DetourSource(this.#detour, (size) => bytes.subarray(landingAt, landingAt + size));
    this.#folder = new FarFolder(this.#posix, options, {
      slots: this.#answers,
      answered: (slot, sizeBytes) => this.#answered(slot, sizeBytes),
      deed: (deed) => tell({ deed }),
      sync: settleFile,
      after: (delayMs, call) => this.#pump?.after(delayMs, call) ?? callAfter(delayMs, call),
      clock: createNodeClock(),
      lease: (lease) => tell({ lease }),
      openEvents: openFolderEvents,
    });
  }

  run(): void {
    const memory = this.#posix.memory.bytes.buffer as SharedArrayBuffer;
    const { tell, onOrder } = this.#thread;
    const [requestStates, answerStates] = [this.#requestStates, this.#answerStates];
    tell({ ready: { memory, requestsAt, requestStates, answersAt, answerStates, slotBytes } });
    onOrder((order) => this.#do(order));
  }

  #do(order: FrameOrder): void {
    if (this.#isOver) return;
    if ('end' in order) this.#end();
    else if ('begin' in order) this.#stopDirect();
    else if ('lease' in order) this.#lease(order.lease);
    else if ('pipe' in order) this.#adopt(order.pipe as PipeSetup);
    else this.#overLink(order.slot, order.sizeBytes);
  }

  #lease(order: LeaseOrder): void {
    this.#folder.lease(order);
    this.#pump?.poke();
  }

  #overLink(slot: number, sizeBytes: number): void {
    const at = requestsAt + slot * slotBytes;
    const mark = decodeDetourMark(this.#posix.memory.bytes.subarray(at, at + sizeBytes));
    if (mark === null) this.#serve(at, sizeBytes);
    else if (mark.mark === 'switch' || mark.mark === 'lost') this.#detour.hear(mark);
    this.#pump?.poke();
    this.#thread.tell({ served: slot });
  }

  #serve(at: number, sizeBytes: number): void {
    if (!this.#folder.serve(at, sizeBytes)) this.#end();
  }

  /** Past the link: this thread itself gives memory free by what it takes, so that it must not wait for that. */
  #requests(bytes: Uint8Array): void {
    if (this.#backlog.length === 0 && this.#answers.free >= FREE_MIN)
      return this.#serve(bytes.byteOffset, bytes.byteLength);
    this.#backlog.push(new Uint8Array(bytes));
    this.#backlogBytes += bytes.byteLength;
    if (this.#backlogBytes > LIMITS.mountDetourBacklogMaxBytes.value) this.#end();
  }

  #catchUp(): void {
    while (this.#backlog.length > 0 && this.#answers.free >= FREE_MIN && !this.#isOver) {
      const bytes = this.#backlog.shift() as Uint8Array;
      this.#backlogBytes -= bytes.byteLength;
      this.#posix.memory.bytes.set(bytes, laterAt);
      this.#serve(laterAt, bytes.byteLength);
    }
  }

  #answered(slot: number, sizeBytes: number): void {
    const at = this.#answers.placeOf(slot);
    const bytes = this.#posix.memory.bytes.subarray(at, at + sizeBytes);
    if (!this.#detour.isDirect || sizeBytes > COPIED_MAX_BYTES)
      return this.#detour.send({ slot, sizeBytes, parts: [bytes], release: () => this.#answers.give(slot) });
    const parts = [new Uint8Array(bytes)];
    this.#answers.give(slot);
    this.#detour.send({ slot: -1, sizeBytes, parts, release: () => undefined });
  }

  #adopt(setup: PipeSetup): void {
    const landing = this.#posix.memory.bytes.subarray(landingAt, landingAt + slotBytes);
    const pipe = openDetourPipe(setup, { bytes: landing, sizeBytes: slotBytes });
    if (pipe === null) return this.#detour.failed();
    this.#direct.adopt(pipe);
    this.#pump?.after(LIMITS.handshakeTimeoutMs.value, () => {
      if (this.#direct.fd === setup.fd && !this.#direct.isOpen) this.#direct.drop();
    });
    void this.#pumpOn();
  }

  /** As long as there is a connection; without one this thread waits for messages as any other. */
  async #pumpOn(): Promise<void> {
    const pump = this.#pump;
    if (pump === null || this.#isPumping) return;
    this.#isPumping = true;
    const direct = this.#direct;
    const source = {
      get fd() {
        return direct.fd;
      },
      events: () => direct.events(),
      ready: (found: number) => {
        direct.ready(found);
        this.#catchUp();
        if (direct.hasMore) pump.poke();
        if (direct.fd < 0 && this.#backlog.length === 0) pump.end();
      },
    };
    pump.add(source);
    await pump.run();
    pump.remove(source);
    this.#isPumping = false;
    if (!this.#isOver && direct.fd >= 0) void this.#pumpOn();
  }

  #stopDirect(): void {
    this.#backlog.length = 0;
    this.#backlogBytes = 0;
    this.#direct.end();
    this.#pump?.poke();
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopDirect();
    this.#pump?.end();
    this.#folder.close();
    leaveFolderThread();
  }
}
