import { type Deferred, deferred } from '../../base/deferred.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { isPlanted } from '../../base/fault_points.ts';
import { LIMITS } from '../../base/limits.ts';
import { forEachAtOnce } from '../../base/parallel.ts';
import type { RelPath } from '../../base/path.ts';
import { orAborted } from '../../base/signal.ts';
import type { Clock } from '../../world/clock.ts';
import type { Applied } from './changes.ts';
import type { Commits } from './commits.ts';
import type { Journal } from './journal.ts';
import type { Op } from './nodes.ts';
import type { Overlay } from './overlay.ts';
import { planWave } from './planner.ts';
import type { Conflict, Sender } from './sender.ts';
import { type FlushPolicy, isThrough, type WholeFlushPolicy, wholePolicy } from './write_policy.ts';

export interface FlusherPorts {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly overlay: Overlay;
  readonly commits: Commits;
  readonly sender: Sender;
  /** Told of each change that was made over there. */
  readonly onApplied: (op: Op) => void;
}

/** A change that could not be made over there. It and what depends on it wait; all is kept, and tried again. */
export interface FlushFailure {
  readonly path: RelPath;
  readonly reason: CausewayError;
  readonly sinceMs: number;
}

interface Failing extends FlushFailure {
  readonly retryAtMs: number;
  readonly pauseMs: number;
}

/** Of the figures of speed, what the last wave counts. */
const RATE_WEIGHT = 0.3;

/** Sends on what waits, in waves of changes that are independent of each other. */
export class Flusher {
  readonly #ports: FlusherPorts;
  #policy: WholeFlushPolicy;
  readonly #failing = new Map<Op, Failing>();
  readonly #conflicts: Conflict[] = [];
  readonly #end = new AbortController();
  #news: Deferred<void> = deferred();
  #isDraining = false;
  #isIdle = false;
  #demands = 0;
  #bytesPerMs = 0;
  /** All that is due is sent on in a round; when the last one ended, by the monotonic clock. */
  #isInRound = false;
  #roundMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;

  constructor(ports: FlusherPorts, policy: FlushPolicy) {
    this.#ports = ports;
    this.#policy = wholePolicy(policy);
  }

  get policy(): WholeFlushPolicy {
    return this.#policy;
  }

  /** From now on it goes by that one. */
  set policy(policy: FlushPolicy) {
    this.#policy = wholePolicy(policy);
    this.wake();
  }

  get failures(): FlushFailure[] {
    return [...this.#failing.values()].map(({ path, reason, sinceMs }) => ({ path, reason, sinceMs }));
  }

  get conflicts(): readonly Conflict[] {
    return this.#conflicts;
  }

  /** How fast bytes were sent on lately; 0 where that is not known. */
  get bytesPerMs(): number {
    return this.#bytesPerMs;
  }

  /** Resolves at the next thing that happens: something was sent on, could not be, or waits anew. */
  get news(): Promise<void> {
    return this.#news.promise;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something waits that did not before. */
  changed(): void {
    if (this.#isIdle || (!this.#isDraining && this.#share() >= this.#policy.startShare)) this.wake();
  }

  /** What could not be sent on is tried again now: the link is there again. */
  retry(): void {
    this.#tryNow();
    this.wake();
  }

  /** Tells everybody who waits for {@link news}. */
  wake(): void {
    this.#news.resolve();
    this.#news = deferred();
  }

  /**
   * All that waits now, and concerns `isWanted`, is over there when it resolves. Throws the reason of what cannot be sent on;
   * a link that is cut is waited for.
   */
  async flush(signal: AbortSignal, isWanted: (op: Op) => boolean = () => true): Promise<void> {
    const { overlay } = this.#ports;
    const last = Math.max(0, ...overlay.ops.map(({ seq }) => seq));
    const left = () => overlay.ops.filter((op) => op.seq <= last && !isHidden(op));
    this.#tryNow();
    this.#demands += 1;
    this.wake();
    try {
      for (;;) {
        const { news } = this;
        const waiting = left();
        if (!waiting.some(isWanted)) return;
        const stuck = waiting.filter((op) => this.#blocks(op));
        const isStuck = stuck.length > 0 && this.#plan(Number.POSITIVE_INFINITY).length === 0;
        const [first] = stuck;
        if (isStuck && first !== undefined) throw this.#failing.get(first)?.reason;
        await orAborted(news, signal);
      }
    } finally {
      this.#demands -= 1;
    }
  }

  /** Resolves once nothing waits at all, however long that takes. */
  async waitClean(signal: AbortSignal): Promise<void> {
    this.#demands += 1;
    try {
      this.wake();
      for (;;) {
        const { news } = this;
        if (!this.#ports.overlay.ops.some((op) => !isHidden(op))) return;
        await orAborted(news, signal);
      }
    } finally {
      this.#demands -= 1;
    }
  }

  /** Waits until so many bytes more may wait. CW_DISK_FULL where nothing is sent on for long. */
  async room(sizeBytes: number): Promise<void> {
    const { overlay, clock } = this.#ports;
    const untilMs = clock.monotonicMs() + LIMITS.writeBackRoomMaxMs.value;
    const isFull = () =>
      overlay.ops.length >= LIMITS.writeBackChangesMax.value ||
      (overlay.dirtyBytes > 0 && overlay.dirtyBytes + sizeBytes > this.#policy.dirtyMaxBytes);
    if (!isFull()) return;
    this.#isDraining = true;
    this.wake();
    for (;;) {
      const { news } = this;
      if (!isFull()) return;
      const leftMs = untilMs - clock.monotonicMs();
      const [failure] = this.#failing.values();
      if (leftMs <= 0 || this.#end.signal.aborted)
        throw new CausewayError(
          'CW_DISK_FULL',
          `the write-back cache is full of what cannot be sent on${failure ? `: ${failure.reason.message}` : ''}`,
        );
      await this.#either(news, leftMs);
    }
  }

  /** Ends after what is under way; what waits stays in the journal. */
  async close(): Promise<void> {
    this.#end.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const { news } = this;
      const wave = this.#plan(this.#due());
      if (wave.length > 0) {
        this.#isInRound = true;
        await this.#send(wave);
        continue;
      }
      if (this.#isInRound) this.#roundMs = this.#ports.clock.monotonicMs();
      this.#isInRound = false;
      const pauseMs = this.#pauseMs();
      this.#isIdle = pauseMs === Number.POSITIVE_INFINITY;
      await this.#either(news, pauseMs);
      this.#isIdle = false;
    }
  }

  /** Changes from before that time are to be sent on now. */
  #due(): number {
    const { overlay, journal, clock } = this.#ports;
    const share = this.#share();
    const { startShare, stopShare, intervalMs, ageMs } = this.#policy;
    if (share >= startShare) this.#isDraining = true;
    else if (share < stopShare) this.#isDraining = false;
    const isAll = this.#isDraining || this.#demands > 0 || journal.isBroken;
    if (isAll || this.#isClearing) return Number.POSITIVE_INFINITY;
    if (!this.#isInRound && clock.monotonicMs() < this.#roundMs + intervalMs) return Number.NEGATIVE_INFINITY;
    const nowMs = clock.wallMs();
    const isBefore = overlay.ops.some(({ sinceMs }) => sinceMs > nowMs); // the clock was set back
    return isBefore ? Number.POSITIVE_INFINITY : nowMs - ageMs;
  }

  /** By its policy nothing is to wait. */
  get #isClearing(): boolean {
    return isThrough(this.#policy) || this.#policy.writes === 'read-only';
  }

  /** How full it is. */
  #share(): number {
    const { overlay, journal } = this.#ports;
    const { dirtyMaxBytes } = this.#policy;
    return Math.max(
      overlay.dirtyBytes / dirtyMaxBytes,
      overlay.ops.length / LIMITS.writeBackChangesMax.value,
      journal.sizeBytes / (2 * dirtyMaxBytes + 2 * LIMITS.writeBackSegmentBytes.value),
    );
  }

  #plan(beforeMs: number): Op[] {
    const changes = this.#policy.batch;
    return planWave(this.#ports.overlay.ops, { changes, beforeMs, skips: (op) => this.#isPaused(op) });
  }

  #isPaused(op: Op): boolean {
    const failing = this.#failing.get(op);
    return failing !== undefined && failing.retryAtMs > this.#ports.clock.monotonicMs();
  }

  /** It failed for a reason that does not go away with a new link. */
  #blocks(op: Op): boolean {
    const failing = this.#failing.get(op);
    return failing !== undefined && failing.reason.next !== 'reconnect';
  }

  #tryNow(): void {
    for (const [op, failing] of this.#failing) this.#failing.set(op, { ...failing, retryAtMs: 0 });
  }

  /** How long nothing is to be done, as far as is known. */
  #pauseMs(): number {
    const { overlay, clock } = this.#ports;
    const [nowMs, wallMs] = [clock.monotonicMs(), clock.wallMs()];
    let pauseMs = Number.POSITIVE_INFINITY;
    for (const op of overlay.ops) {
      const failing = this.#failing.get(op);
      if (failing !== undefined) pauseMs = Math.min(pauseMs, failing.retryAtMs - nowMs);
      else if (!isHidden(op)) pauseMs = Math.min(pauseMs, op.sinceMs + this.#policy.ageMs - wallMs);
    }
    return Math.max(pauseMs, this.#roundMs + this.#policy.intervalMs - nowMs);
  }

  /** Until one of them; a pause that is over, though what is due depends on something that fails, is a short one. */
  async #either(news: Promise<void>, pauseMs: number): Promise<void> {
    if (pauseMs === Number.POSITIVE_INFINITY) return news;
    const over = new AbortController();
    const sleeping = this.#ports.clock.sleep(
      Math.max(pauseMs, LIMITS.writeBackRetryMs.value / 4),
      over.signal,
    );
    await Promise.race([news, sleeping.catch(() => undefined)]);
    over.abort();
    await sleeping.catch(() => undefined);
  }

  async #send(wave: readonly Op[]): Promise<void> {
    const { commits, journal, clock } = this.#ports;
    const again = new Set(wave.filter(({ begun }) => begun));
    try {
      const atMs = Math.floor(clock.wallMs());
      await commits.note({ do: 'begun', seqs: wave.map(({ seq }) => seq), atMs });
      // nothing goes over there that a power cut could take away here
      if (!journal.isBroken && !isPlanted('write-back-send-early')) await journal.sync();
    } catch {
      await this.#either(this.news, LIMITS.writeBackRetryMs.value);
      return;
    }
    const startedMs = clock.monotonicMs();
    const results: Applied[] = [];
    const done: Op[] = [];
    await forEachAtOnce(wave, LIMITS.writeBackAtOnce.value, async (op) => {
      try {
        const { result, conflict } = await this.#ports.sender.send(op, again.has(op));
        results.push({ seq: op.seq, ...result });
        done.push(op);
        this.#failing.delete(op);
        if (conflict !== null) this.#tell(op, conflict);
      } catch (failure) {
        this.#failed(op, asCausewayError(failure));
      }
    });
    await this.#noteApplied(results);
    this.#measure(done, clock.monotonicMs() - startedMs);
    for (const op of done) this.#ports.onApplied(op);
    this.wake();
  }

  /** Until it is noted, nothing that depends on it may be sent on. */
  async #noteApplied(results: readonly Applied[]): Promise<void> {
    const { commits, journal, overlay } = this.#ports;
    while (results.length > 0) {
      try {
        await commits.note({ do: 'applied', results });
        break;
      } catch {
        if (this.#end.signal.aborted) return;
        await this.#either(this.news, LIMITS.writeBackRetryMs.value);
      }
    }
    await commits.inTurn(() => journal.trim(overlay.segments())).catch(() => undefined); // it is tried again after the next wave
  }

  #failed(op: Op, reason: CausewayError): void {
    const before = this.#failing.get(op);
    const pauseMs = before
      ? Math.min(before.pauseMs * 2, LIMITS.writeBackRetryMaxMs.value)
      : LIMITS.writeBackRetryMs.value;
    const { clock } = this.#ports;
    this.#failing.set(op, {
      path: op.to ?? op.node.near ?? op.node.far ?? ('' as RelPath),
      reason,
      sinceMs: before?.sinceMs ?? clock.wallMs(),
      retryAtMs: clock.monotonicMs() + pauseMs,
      pauseMs,
    });
    if (this.#blocks(op)) op.node.trouble = reason;
  }

  #tell(op: Op, conflict: Conflict): void {
    op.node.trouble = new CausewayError('CW_CACHE_CONFLICT', conflict.message);
    this.#conflicts.push(conflict);
    if (this.#conflicts.length > LIMITS.writeBackToldMax.value) this.#conflicts.shift();
  }

  #measure(done: readonly Op[], tookMs: number): void {
    let sentBytes = 0;
    for (const { layer } of done) sentBytes += layer?.writtenBytes ?? 0;
    if (sentBytes === 0) return;
    const rate = sentBytes / Math.max(tookMs, 1);
    this.#bytesPerMs =
      this.#bytesPerMs === 0 ? rate : this.#bytesPerMs * (1 - RATE_WEIGHT) + rate * RATE_WEIGHT;
  }
}

/** A file that nobody sees yet waits for nothing but its name. */
function isHidden({ kind, to }: Op): boolean {
  return kind === 'file' && to === null;
}
