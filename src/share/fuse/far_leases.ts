import { LIMITS } from '../../base/limits.ts';
import { HeldLeases } from '../../cache/lease/held_leases.ts';
import { LEASE, type LeaseGiven, type LeaseKinds } from '../../cache/lease/lease_kinds.ts';
import type { Clock } from '../../world/clock.ts';
import { errorAnswer } from './far_writes.ts';
import { type Broken, forgetFrame, givenBy, keepFrame, renewFrame } from './lease_frames.ts';
import { IN_HEADER_BYTES, OUT_HEADER_BYTES, RELEASE_UNLOCK_FLOCK } from './protocol.ts';

/** What leases do through the mount that has them. */
export interface FarLeasePorts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  /** Says something that needs no answer, where somebody hears it. */
  readonly tell: (frame: Uint8Array) => void;
  /** Asks something. */
  readonly ask: (frameOf: (unique: bigint) => Uint8Array, answered: (answer: Uint8Array) => void) => void;
  /** The kernel forgets the bytes and attributes of a node; `done` is called when it has. */
  readonly forget: (node: bigint, done: () => void) => void;
  /** Calls once the other machine has all writes of a node that went ahead. */
  readonly whenWritten: (node: bigint, call: () => void) => void;
  readonly isLocked: (node: bigint) => boolean;
  /** Closes a handle over there: a RELEASE of the kernel that was held back. */
  readonly close: (release: Uint8Array) => void;
  /** Bytes of the file may be different now. */
  readonly doubt: (node: bigint) => void;
}

interface KeptHandle {
  readonly node: bigint;
  /** The RELEASE that the kernel was answered. */
  readonly release: Uint8Array;
}

const RELEASE_FLAGS_AT = IN_HEADER_BYTES + 12;
const OPEN_OUT_BYTES = OUT_HEADER_BYTES + 16;
const NEEDED = LEASE.read | LEASE.handle;

/**
 * The leases of a mount. While one is held, the file is open over there though no program has it open here, so that the next
 * open asks nobody. When it is to be let go of, the kernel forgets the file, what has gone ahead arrives, and then the other
 * side hears of it.
 */
export class FarLeases {
  readonly #ports: FarLeasePorts;
  readonly #held = new HeldLeases<bigint>();
  /** Handles that no program has, the one that was kept first in front. */
  readonly #handles = new Map<bigint, KeptHandle>();
  readonly #byNode = new Map<bigint, Set<bigint>>();
  #isOn = false;
  #renewing: AbortController | null = null;

  constructor(ports: FarLeasePorts) {
    this.#ports = ports;
  }

  /** Whether the other side gives leases now. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** Leases that are held, and files that are open for nobody. */
  get counts(): { readonly leases: number; readonly handles: number } {
    return { leases: this.#held.size, handles: this.#handles.size };
  }

  /** On a new stream, to a side that gives leases or not. */
  begin(isOn: boolean): void {
    this.reset();
    this.#isOn = isOn;
    if (isOn) this.#ports.tell(forgetFrame());
  }

  /** Nobody may tell of a change any more: no lease counts. */
  reset(): void {
    const files = this.#held.files;
    this.#held.reset();
    this.#isOn = false;
    this.#renewing?.abort();
    this.#renewing = null;
    for (const node of files) this.#ports.doubt(node);
    for (const handle of [...this.#handles.keys()]) this.#close(handle);
  }

  /** There is no mount any more. */
  end(): void {
    this.#renewing?.abort();
    this.#handles.clear();
    this.#byNode.clear();
    this.#isOn = false;
  }

  /** Whether the file is known to be as it was told. */
  isRead(node: bigint): boolean {
    return this.#held.holds(node, LEASE.read, this.#ports.clock.monotonicMs());
  }

  /** The answer to a question that was asked at that time. */
  given(node: bigint, answer: Uint8Array, askedMs: number): LeaseGiven {
    const given = givenBy(answer);
    if (!this.#isOn) return { kinds: LEASE.none, epoch: 0 };
    if (given.kinds === LEASE.none) this.#closeAll(node);
    this.#held.given(node, given, askedMs);
    const tooMany = this.#held.tooMany(LIMITS.leasesMax.value / 2);
    if (tooMany !== null) this.giveBack(tooMany);
    this.#renew();
    return given;
  }

  /** A handle of a file that need not be asked for, where one is kept; null: it is to be opened. */
  reopened(node: bigint): bigint | null {
    const handles = this.#byNode.get(node);
    if (handles === undefined || !this.#held.holds(node, NEEDED, this.#ports.clock.monotonicMs()))
      return null;
    const [handle] = handles;
    if (handle === undefined) return null;
    this.#take(handle);
    this.#held.used(node);
    return handle;
  }

  /** True where a handle that the kernel lets go of is kept: the RELEASE goes no further. */
  keeps(node: bigint, handle: bigint, release: Uint8Array): boolean {
    const view = new DataView(release.buffer, release.byteOffset, release.byteLength);
    if (!this.#held.holds(node, NEEDED, this.#ports.clock.monotonicMs()) || this.#ports.isLocked(node))
      return false;
    if ((view.getUint32(RELEASE_FLAGS_AT, true) & RELEASE_UNLOCK_FLOCK) !== 0) return false;
    this.#handles.set(handle, { node, release: release.slice() });
    const handles = this.#byNode.get(node) ?? new Set();
    this.#byNode.set(node, handles.add(handle));
    const [oldest] = this.#handles.keys();
    if (this.#handles.size > LIMITS.leaseHandlesMax.value && oldest !== undefined) this.#close(oldest);
    return true;
  }

  /** Lets go of a lease; `written` is called once nothing that was written under it is on its way. */
  broken({ node, epoch, kinds }: Broken, written: () => void): void {
    const ended = this.#held.broken(node, epoch, kinds);
    const isRead = (kinds & LEASE.read) === 0;
    if (isRead) {
      this.#ports.doubt(node);
      this.#closeAll(node);
    }
    const letGo = () => this.#ports.tell(keepFrame(node, epoch, kinds));
    const forget = () => {
      written();
      if (isRead) this.#ports.forget(node, letGo);
      else letGo();
    };
    if ((ended & LEASE.write) !== 0) this.#ports.whenWritten(node, forget);
    else forget();
  }

  /** It is another file now, as a notice of a change says; the one that breaks the lease follows it. */
  changed(node: bigint): void {
    if (this.#held.lost(node) !== null) this.#closeAll(node);
  }

  /** The lease is not wanted any more. */
  giveBack(node: bigint): void {
    const held = this.#held.lost(node);
    this.#closeAll(node);
    if (held === null) return;
    this.#ports.doubt(node);
    this.#ports.whenWritten(node, () => this.#ports.tell(keepFrame(node, held.epoch, LEASE.none)));
  }

  /** What the kernel is answered to an OPEN: what it has of the file stays. */
  static openAnswer(unique: bigint, handle: bigint, flags: number): Uint8Array {
    const answer = new Uint8Array(OPEN_OUT_BYTES);
    answer.set(errorAnswer(unique, 0));
    const view = new DataView(answer.buffer);
    view.setUint32(0, OPEN_OUT_BYTES, true);
    view.setBigUint64(OUT_HEADER_BYTES, handle, true);
    view.setUint32(OUT_HEADER_BYTES + 8, flags, true);
    return answer;
  }

  /** As long as there are leases it is asked whether they count. */
  #renew(): void {
    if (this.#renewing !== null) return;
    const renewing = new AbortController();
    this.#renewing = renewing;
    const { clock, ask } = this.#ports;
    const next = async () => {
      while (this.#held.size > 0) {
        await clock.sleep(LIMITS.leaseRenewMs.value, renewing.signal);
        const askedMs = clock.monotonicMs();
        ask(renewFrame, (answer) => {
          if (isWell(answer) && !renewing.signal.aborted) this.#held.answered(askedMs);
        });
      }
      this.#renewing = null;
    };
    next().catch(() => undefined); // there are no leases any more
  }

  #closeAll(node: bigint): void {
    for (const handle of [...(this.#byNode.get(node) ?? [])]) this.#close(handle);
  }

  #close(handle: bigint): void {
    const kept = this.#take(handle);
    if (kept !== null) this.#ports.close(kept.release);
  }

  #take(handle: bigint): KeptHandle | null {
    const kept = this.#handles.get(handle) ?? null;
    if (kept === null) return null;
    this.#handles.delete(handle);
    const handles = this.#byNode.get(kept.node);
    handles?.delete(handle);
    if (handles?.size === 0) this.#byNode.delete(kept.node);
    return kept;
  }
}

const isWell = (answer: Uint8Array) => new DataView(answer.buffer, answer.byteOffset).getInt32(4, true) === 0;

/** The kinds that an open with these flags asks for. */
export const wishedBy = (isWrite: boolean): LeaseKinds => (isWrite ? LEASE.write : NEEDED);
