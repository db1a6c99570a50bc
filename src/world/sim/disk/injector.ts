import type { Dice } from '../dice.ts';
import type { DiskFaults, FaultSwitch } from '../faults.ts';
import { diskError } from './failure.ts';

/** What an operation does to the device, for errors and freezing. */
export type AccessKind = 'read' | 'write' | 'sync' | 'metadata';

/** Draws the faults of one machine's disk. Each kind has its own source of chance. */
export class DiskFaultInjector {
  readonly #switch: FaultSwitch;
  readonly #plan: DiskFaults;
  readonly #latency: Dice;
  readonly #errors: Dice;
  readonly #shorts: Dice;
  readonly #flips: Dice;

  /** A truthful disk flips no bits; all its other faults stay. */
  readonly #truthful: boolean;

  constructor(faults: FaultSwitch, dice: Dice, truthful: boolean) {
    this.#truthful = truthful;
    this.#switch = faults;
    this.#plan = faults.plan.disk;
    this.#latency = dice.fork('latency');
    this.#errors = dice.fork('errors');
    this.#shorts = dice.fork('shorts');
    this.#flips = dice.fork('flips');
  }

  get syncFileSystemOffered(): boolean {
    return !this.#plan.noSyncFileSystem;
  }

  /** How long an operation takes; 0 for most. */
  delayMs(): number {
    if (this.#switch.active && this.#latency.chance(this.#plan.slowRate))
      return 50 + this.#latency.latency(3_000);
    return this.#latency.chance(this.#plan.latencyRate) ? this.#latency.latency(this.#plan.latencyMaxMs) : 0;
  }

  /** Throws CW_DISK_IO by chance. */
  mayFail(kind: AccessKind, name: string): void {
    const rate = {
      read: this.#plan.readErrorRate,
      write: this.#plan.writeErrorRate,
      sync: this.#plan.syncErrorRate,
      metadata: this.#plan.metadataErrorRate,
    }[kind];
    if (this.#switch.active && this.#errors.chance(rate)) throw diskError('CW_DISK_IO', name);
  }

  /** How much of `length` bytes this operation moves: at least 1. */
  shorten(kind: 'read' | 'write', length: number): number {
    const rate = kind === 'read' ? this.#plan.shortReadRate : this.#plan.shortWriteRate;
    if (!this.#switch.active || length < 2 || !this.#shorts.chance(rate)) return length;
    return this.#shorts.between(1, length - 1);
  }

  /** Flips a bit of what was read, by chance. */
  flipRead(bytes: Uint8Array): void {
    if (
      this.#switch.active &&
      !this.#truthful &&
      bytes.byteLength > 0 &&
      this.#flips.chance(this.#plan.readFlipRate)
    )
      this.#flip(bytes);
  }

  /** What a write stores: `bytes`, or by chance a copy with one bit wrong. */
  stored(bytes: Uint8Array): Uint8Array {
    const wrong =
      this.#switch.active &&
      !this.#truthful &&
      bytes.byteLength > 0 &&
      this.#flips.chance(this.#plan.storedFlipRate);
    if (!wrong) return bytes;
    const copy = new Uint8Array(bytes); // not slice(): of a Buffer that is a view
    this.#flip(copy);
    return copy;
  }

  #flip(bytes: Uint8Array): void {
    const at = this.#flips.between(0, bytes.byteLength - 1);
    bytes[at] = (bytes[at] as number) ^ (1 << this.#flips.between(0, 7));
  }
}
