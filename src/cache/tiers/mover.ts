import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { FileBlock } from '../store/store_types.ts';
import { demotionsOf, filledBytes, type TierLevel, type TierResident } from './plan.ts';
import type { Tier } from './tier.ts';

const MS_PER_S = 1_000;

/** A block on its way from one tier to another; it stays where it is until it is there. */
interface Move extends FileBlock {
  readonly from: number;
  readonly to: number;
}

interface Candidate extends FileBlock, TierResident {}

export interface MoverPorts {
  readonly clock: Pick<Clock, 'monotonicMs' | 'sleep'>;
  readonly tiers: readonly Tier[];
  readonly levels: () => readonly TierLevel[];
  readonly heatOf: (block: FileBlock) => number;
  /** Somebody waits for a block. */
  readonly isBusy: () => boolean;
}

/** Moves blocks between tiers, beside those that read, and after them: so many in a second, a few at a time. */
export class Mover {
  readonly #ports: MoverPorts;
  readonly #moves = new Map<string, Move>();
  /** Of each tier, where its next sample begins. */
  readonly #cursors: number[];
  readonly #end = new AbortController();
  #work: Promise<void> | null = null;
  /** Blocks that may move now. */
  #allowed = LIMITS.cacheTierMovesPerS.value;
  #allowedMs: number;
  /** Counts what was dropped: a block that was read before is not kept again after it. */
  #epoch = 0;

  constructor(ports: MoverPorts) {
    this.#ports = ports;
    this.#cursors = ports.tiers.map(() => 0);
    this.#allowedMs = ports.clock.monotonicMs();
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Some file is not to be kept any more. */
  dropped(): void {
    this.#epoch += 1;
  }

  /** Has a block go to a faster tier, whose bytes were just read; not where too many do already. */
  promote(from: number, to: number, { of, block }: FileBlock, bytes: Uint8Array): void {
    if (this.#moves.has(nameOf({ of, block })) || !this.#mayMove()) return;
    this.#begin({ of, block, from, to }, bytes);
    this.wake();
  }

  /** Looks whether a tier holds more than it is filled to. */
  wake(): void {
    if (this.#end.signal.aborted || this.#work !== null) return;
    if (this.#moves.size === 0 && !this.#isAbove(this.#ports.levels())) return;
    this.#work = this.#run().finally(() => {
      this.#work = null;
    });
  }

  /** Resolves when nothing is on its way, and nothing has to leave a tier. */
  async settled(): Promise<void> {
    while (this.#work !== null) await this.#work;
  }

  /** What is on its way stays where it is, or is in both tiers. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.settled();
  }

  #isAbove(levels: readonly TierLevel[]): boolean {
    return levels.some(
      (level, at) =>
        level.isUsable &&
        level.usedBytes > filledBytes(level) &&
        levels.slice(at + 1).some(({ isUsable }) => isUsable),
    );
  }

  async #run(): Promise<void> {
    const { clock, isBusy } = this.#ports;
    let [waited, idle] = [0, 0];
    while (!this.#end.signal.aborted && idle < LIMITS.cacheTierIdleMax.value) {
      const finished = this.#finish();
      const mayGo = !isBusy() || waited >= LIMITS.cacheTierWaitMax.value;
      if (mayGo) await this.#demoteSome();
      waited = mayGo ? 0 : waited + 1;
      idle = finished > 0 || !mayGo ? 0 : idle + 1;
      if (this.#moves.size === 0 && !this.#isAbove(this.#ports.levels())) return;
      await clock.sleep(LIMITS.cacheTierPauseMs.value, this.#end.signal).catch(() => undefined); // the end
    }
    this.#moves.clear();
  }

  /** Those that have come to their tier leave the one that they were in. */
  #finish(): number {
    const { tiers } = this.#ports;
    let finished = 0;
    for (const [name, { of, block, from, to }] of this.#moves) {
      const isAt = tiers[to]?.store.whereIs(of, block);
      if (isAt === 'waiting') continue;
      this.#moves.delete(name);
      const source = tiers[from];
      if (isAt !== 'placed' || source === undefined) continue; // it was dropped, or could not be written
      finished += 1;
      source.store.forget(of, block);
      source.sums[to < from ? 'promoted' : 'demoted'] += 1;
    }
    return finished;
  }

  /** A batch from each tier that is above its mark, the slowest first, so that there is room for those of faster ones. */
  async #demoteSome(): Promise<void> {
    for (let from = this.#ports.tiers.length - 2; from >= 0; from -= 1) await this.#demoteFrom(from);
  }

  async #demoteFrom(from: number): Promise<void> {
    const { tiers, levels } = this.#ports;
    const tier = tiers[from] as Tier;
    const level = levels()[from];
    if (level === undefined || level.usedBytes - this.#leavingBytes(from) <= filledBytes(level)) return;
    const batch = demotionsOf(levels(), from, this.#sampleOf(from)).slice(0, LIMITS.cacheBatchBlocks.value);
    const epoch = this.#epoch;
    const moves = batch.filter(() => this.#mayMove());
    await Promise.all(
      moves.map(async ({ block: { of, block }, to }) => {
        const bytes = await tier.store.read(of, block);
        if (bytes !== null && this.#epoch === epoch) this.#begin({ of, block, from, to }, bytes);
      }),
    );
  }

  /** What is on its way out of a tier. */
  #leavingBytes(from: number): number {
    const leaving = [...this.#moves.values()].filter((move) => move.from === from);
    return leaving.length * (this.#ports.tiers[from]?.store.slotBytes ?? 0);
  }

  #sampleOf(from: number): Candidate[] {
    const { tiers, heatOf } = this.#ports;
    const { store } = tiers[from] as Tier;
    const slots = LIMITS.cacheTierSampleSlots.value;
    const at = this.#cursors[from] as number;
    this.#cursors[from] = at + slots;
    return store
      .sample(at, slots)
      .filter((block) => !this.#moves.has(nameOf(block)))
      .map((block) => ({ ...block, heat: heatOf(block), sizeBytes: store.slotBytes }));
  }

  #begin(move: Move, bytes: Uint8Array): void {
    const target = this.#ports.tiers[move.to] as Tier;
    target.store.keep(move.of, move.block, bytes);
    this.#moves.set(nameOf(move), move);
  }

  #mayMove(): boolean {
    const most = LIMITS.cacheTierMovesPerS.value;
    const nowMs = this.#ports.clock.monotonicMs();
    this.#allowed = Math.min(most, this.#allowed + ((nowMs - this.#allowedMs) * most) / MS_PER_S);
    this.#allowedMs = nowMs;
    if (this.#allowed < 1) return false;
    this.#allowed -= 1;
    return true;
  }
}

const nameOf = ({ of, block }: FileBlock) => `${of.file} ${of.version} ${block}`;
