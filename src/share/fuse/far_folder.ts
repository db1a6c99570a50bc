import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { QuotaClerk } from '../../tree/files/quota_clerk.ts';
import type { FolderEvents } from '../../world/folder_events.ts';
import type {
  FolderServerOptions,
  LeaseOrder,
  LeaseTold,
  RollbackSeat,
  ToldDeed,
} from '../../world/mounts.ts';
import type { Posix, Settling } from '../../world/posix.ts';
import { leaseNotice } from './lease_frames.ts';
import { EXPIRES, inodeNotice, nameNotice, TOLD_BYTES } from './notices.ts';
import { ERRNO, IN_HEADER_BYTES, O_PATH, OP, OP_TOLD, TOLD_NOTHING } from './protocol.ts';
import { Recorder } from './recorder.ts';
import { BatchKeeper } from './rollback/keeper.ts';
import { Places } from './rollback/places.ts';
import { Rewind } from './rollback/rewind.ts';
import { FuseServer } from './server.ts';
import { PLACE } from './state.ts';

/** Answers of that many bytes are sent without waiting for more to be served. */
const EAGER_BYTES = 256 * 1024;
/** Whoever opens something reads what was there by then. */
const BEGINS: ReadonlySet<number> = new Set([OP.open, OP.opendir]);
const SLOTS = LIMITS.mountSlotsMax.value;
const SLOT_BYTES = LIMITS.mountMessageMaxBytes.value;

/** Where answers are put, and who learns of them. */
export interface FarAnswers {
  readonly slots: {
    take(): number;
    takeWaiting(): number;
    placeOf(slot: number): number;
    readonly slotBytes: number;
  };
  /** So many bytes of whole answers lie in a slot, which is the taker's from then on. */
  readonly answered: (slot: number, sizeBytes: number) => void;
  /** What is to be recorded. */
  readonly deed: (told: ToldDeed) => void;
  /** Flushes, or closes, beside other work; `done` gets 0 or an error, in this thread. */
  readonly sync: (fd: number, settling: Settling, done: (result: number) => void) => void;
  /** Calls later, in this thread; what it gives takes that back. */
  readonly after: (delayMs: number, call: () => void) => () => void;
  readonly clock: { readonly monotonicMs: () => number; readonly wallMs: () => number };
  /** What is said of leases. */
  readonly lease: (told: LeaseTold) => void;
  /** Opens what tells of changes in folders; null where there is no such thing. */
  readonly openEvents: () => FolderEvents | null;
}

/** A folder of this machine for the kernel of another one: whole requests in slots of memory become whole answers in slots. */
export class FarFolder {
  static readonly SLOTS = SLOTS;
  static readonly PLACES = {
    slotBytes: SLOT_BYTES,
    requestsAt: PLACE.memoryBytes,
    answersAt: PLACE.memoryBytes + SLOTS * SLOT_BYTES,
    /** Of a slot as well: where requests lie that come past the link. */
    landingAt: PLACE.memoryBytes + 2 * SLOTS * SLOT_BYTES,
    /** Where they lie when they are served later: the next ones may be landing. */
    laterAt: PLACE.memoryBytes + (2 * SLOTS + 1) * SLOT_BYTES,
  };
  static readonly MEMORY_BYTES = PLACE.memoryBytes + (2 * SLOTS + 2) * SLOT_BYTES;

  readonly #posix: Posix;
  readonly #answers: FarAnswers;
  readonly #server: FuseServer;
  readonly #keeper: BatchKeeper | null;
  readonly #forgotten: { readonly parentId: number; readonly name: string }[] = [];
  #slot = -1;
  #usedBytes = 0;
  #syncs = 0;
  #lookMs = LIMITS.mountLockLookMinMs.value;
  #cancelLook: (() => void) | null = null;
  #cancelChanges: (() => void) | null = null;
  #cancelBatch: (() => void) | null = null;
  #isOver = false;

  /** CW_DISK_*, CW_UNSUPPORTED. */
  constructor(posix: Posix, options: FolderServerOptions, answers: FarAnswers) {
    const { folder, readOnly, shownOwner, idBase, actAs, cacheMs, quota, records, leases, tellsFolders } =
      options;
    const events = options.tells ? answers.openEvents() : null;
    this.#posix = posix;
    this.#answers = answers;
    if (actAs !== null) posix.rights.become(actAs.userId, actAs.groupId);
    const rootFd = posix.names.openPath(folder, O_PATH);
    if (rootFd < 0)
      throw new CausewayError(
        rootFd === -ERRNO.ENOENT ? 'CW_DISK_NOT_FOUND' : 'CW_DISK_PERMISSION',
        `${folder} cannot be opened (error ${-rootFd})`,
      );
    this.#keeper =
      options.rollback === undefined || readOnly
        ? null
        : keeperOf(posix, rootFd, options.rollback, answers.clock);
    this.#server = new FuseServer(
      posix,
      rootFd,
      {
        readOnly,
        far: {
          shownOwner,
          idBase,
          changes: events === null ? null : { events, nowMs: answers.clock.monotonicMs },
          tellsFolders: tellsFolders && events !== null,
        },
        times: { namesMs: cacheMs, attrsMs: cacheMs },
        backing: null,
        quota: quota === null ? null : new QuotaClerk(quota),
        recorder: records === null ? null : new Recorder(records, answers.deed),
        side: {
          sync: (fd, settling, low, high) => this.#sync(fd, settling, low, high),
          forgetName: (parentId, name) => void this.#forgotten.push({ parentId, name }),
        },
        nodesMax: LIMITS.mountNodesMax.value,
        ...(this.#keeper === null ? {} : { keeper: this.#keeper }),
        leases:
          leases === null
            ? null
            : {
                seat: { ...leases, gives: leases.gives && cacheMs > 0 },
                tell: answers.lease,
                wallMs: answers.clock.wallMs,
              },
      },
      { place: (roomBytes) => this.#place(roomBytes), send: (at, sizeBytes) => this.#sent(at, sizeBytes) },
    );
    this.#server.begin({ hasLongSetxattr: true });
    if (this.#server.watching !== null) this.#lookForChanges();
  }

  /** Serves the requests that lie there one after the other. False once there will be no more. */
  serve(at: number, sizeBytes: number): boolean {
    const end = at + sizeBytes;
    let goesOn = true;
    for (let place = at; place + 4 <= end && goesOn; ) {
      const frameBytes = this.#posix.memory.view.getUint32(place, true);
      if (frameBytes > end - place || frameBytes < 4) break; // no requests of a kernel
      if (BEGINS.has(this.#posix.memory.view.getUint32(place + 4, true))) this.#tellFirst();
      goesOn = this.#hearsTold(place, frameBytes) || this.#server.serve(place, frameBytes);
      for (const { parentId, name } of this.#forgotten.splice(0)) this.#server.tellForgotten(parentId, name);
      place += frameBytes;
    }
    this.#flush();
    if (this.#server.waitsForLocks) this.#lookForLocks(LIMITS.mountLockLookMinMs.value);
    if (this.#cancelBatch === null) this.#endBatch();
    return goesOn;
  }

  /** What is said to it of leases. */
  lease(order: LeaseOrder): void {
    const { leases } = this.#server;
    if (leases === null || this.#isOver) return;
    if (order.kind === 'given') this.#server.answerGiven(order.question, order);
    else if (order.kind === 'fenced') leases.fenced(order.file, order.epoch);
    else if (order.kind === 'go') this.#goOn(order.claim);
    else {
      const nodeId = leases.nodeOf(order.file, order.epoch);
      if (nodeId !== null) this.#server.tell(leaseNotice(BigInt(nodeId), order.epoch, order.kinds));
    }
    this.#flush();
  }

  /** Serves a request that has waited for the leases of others. */
  #goOn(claim: number): void {
    const { leases } = this.#server;
    const frame = leases?.takeWaiting(claim) ?? null;
    if (frame === null) return;
    this.#posix.memory.bytes.set(frame, PLACE.request);
    if (BEGINS.has(frame.readUInt32LE(4))) this.#tellFirst();
    this.#server.serve(PLACE.request, frame.byteLength, true);
    leases?.settled(claim);
  }

  close(): void {
    this.#isOver = true;
    this.#cancelLook?.();
    this.#cancelChanges?.();
    this.#cancelBatch?.();
    this.#keeper?.close();
    this.#server.close();
  }

  /** Once nothing has changed for a while. */
  #endBatch(): void {
    this.#cancelBatch = null;
    const quietMs = this.#keeper?.quietMs ?? null;
    if (quietMs === null || this.#isOver) return;
    const leftMs = LIMITS.rollbackPauseMs.value - quietMs;
    if (leftMs <= 0) return this.#keeper?.end();
    this.#cancelBatch = this.#answers.after(Math.ceil(leftMs), () => this.#endBatch());
  }

  #lookForChanges(): void {
    if (this.#isOver) return;
    this.#cancelChanges = this.#answers.after(LIMITS.mountWatchLookMs.value, () => {
      this.#server.watching?.collect();
      // where no memory is free much is on its way, and this thread has requests to serve
      if (this.#slot < 0) this.#slot = this.#answers.slots.take();
      if (this.#slot >= 0) this.#tell();
      this.#flush();
      this.#lookForChanges();
    });
  }

  /** What has changed before something is opened is told before it is. */
  #tellFirst(): void {
    this.#server.watching?.collect();
    this.#tell();
  }

  #tell(): void {
    const { watching } = this.#server;
    if (watching === null || watching.outdated.isEmpty) return;
    for (const notice of watching.outdated.take()) {
      this.#server.tell(
        notice.kind === 'inode'
          ? inodeNotice(BigInt(notice.id), notice.isData)
          : nameNotice(BigInt(notice.parentId), notice.name, EXPIRES),
      );
      if (notice.kind === 'inode') this.#server.leases?.outdated(notice.id);
    }
  }

  /** True where the other machine says what its kernel knows, which is no request of that. */
  #hearsTold(at: number, sizeBytes: number): boolean {
    const { view } = this.#posix.memory;
    if (sizeBytes !== TOLD_BYTES || view.getUint32(at + 4, true) !== OP_TOLD) return false;
    const outdated = this.#server.watching?.outdated;
    const count = view.getUint32(at + IN_HEADER_BYTES, true);
    if (count === TOLD_NOTHING) outdated?.startOver();
    else outdated?.told(count);
    this.#tell();
    return true;
  }

  /** Others tell nobody that a lock is free: it is looked for, less often the longer that takes. */
  #lookForLocks(inMs: number): void {
    if (this.#cancelLook !== null && this.#lookMs <= inMs) return;
    this.#cancelLook?.();
    this.#lookMs = inMs;
    this.#cancelLook = this.#answers.after(inMs, () => {
      this.#cancelLook = null;
      this.#server.retryLocks();
      this.#flush();
      const nextMs = Math.min(inMs * 2, LIMITS.mountLockLookMaxMs.value);
      if (this.#server.waitsForLocks) this.#lookForLocks(nextMs);
    });
  }

  #sync(fd: number, settling: Settling, low: number, high: number): void {
    const done = (result: number) => {
      this.#server.answerLater(low, high, result);
      this.#flush();
    };
    if (this.#syncs >= LIMITS.mountFarSyncsMax.value) {
      const { data } = this.#posix; // others wait, as they must
      const result = settling === 'close' ? data.close(fd) : data.sync(fd, settling === 'data');
      queueMicrotask(() => done(result));
      return;
    }
    this.#syncs += 1;
    this.#answers.sync(fd, settling, (result) => {
      this.#syncs -= 1;
      done(result);
    });
  }

  #place(roomBytes: number): number {
    const { slots } = this.#answers;
    if (this.#slot >= 0 && (this.#usedBytes >= EAGER_BYTES || this.#usedBytes + roomBytes > SLOT_BYTES))
      this.#flush();
    if (this.#slot < 0) this.#slot = slots.takeWaiting();
    return slots.placeOf(this.#slot) + this.#usedBytes;
  }

  #sent(_at: number, sizeBytes: number): void {
    this.#usedBytes += sizeBytes;
  }

  #flush(): void {
    if (this.#slot < 0 || this.#usedBytes === 0) return;
    this.#answers.answered(this.#slot, this.#usedBytes);
    this.#slot = -1;
    this.#usedBytes = 0;
  }
}

/** What an earlier rollback has not done is done first. CW_ROLLBACK_*, CW_DISK_*. */
function keeperOf(posix: Posix, rootFd: number, seat: RollbackSeat, clock: FarAnswers['clock']): BatchKeeper {
  const keeper = new BatchKeeper(new Places(posix, rootFd), seat, clock);
  const rewind = new Rewind(keeper);
  rewind.finish();
  if (seat.to !== undefined) rewind.to(seat.to);
  return keeper;
}
