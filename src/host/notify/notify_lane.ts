import { asCausewayError, type CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { NotifierView } from '../../contract/notify_schemas.ts';
import { retryWaitMs } from '../retry.ts';
import { type DeliveryParts, deliver, FinalRefusal } from './deliver.ts';
import type { Notification } from './notification.ts';
import type { StoredNotifier } from './notify_store.ts';

const WAITS = { minMs: LIMITS.notifyRetryMinMs.value, maxMs: LIMITS.notifyRetryMaxMs.value };

/** How one attempt or all attempts at a notification ended, for who counts them. */
export const DELIVERY_RESULTS = ['delivered', 'retried', 'failed'] as const;
export type DeliveryResult = (typeof DELIVERY_RESULTS)[number];

export type OnResult = (name: string, result: DeliveryResult, times: number) => void;

/** The way to one receiver: one notification after the other, each tried again for a while. */
export class NotifyLane {
  readonly stored: StoredNotifier;
  readonly #parts: DeliveryParts;
  readonly #onResult: OnResult;
  readonly #queue: Notification[] = [];
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;
  #delivered = 0;
  #failed = 0;
  #lastDeliveredAtMs: number | null = null;
  #error: CausewayError | null = null;

  constructor(stored: StoredNotifier, parts: DeliveryParts, onResult: OnResult) {
    this.stored = stored;
    this.#parts = parts;
    this.#onResult = onResult;
    for (const result of DELIVERY_RESULTS) onResult(stored.name, result, 0);
  }

  get queued(): number {
    return this.#queue.length;
  }

  /** Delivers it behind those that wait. Where too many wait, the oldest is given up. */
  push(notification: Notification): void {
    if (this.#stop.signal.aborted) return;
    if (this.#queue.length >= LIMITS.notifyQueueMax.value) {
      // the first one may be under way
      this.#queue.splice(1, 1);
      this.#count('failed');
    }
    this.#queue.push(notification);
    this.#running ??= this.#run();
  }

  /** One attempt, now, past those that wait. CW_NOTIFY_*. */
  async test(notification: Notification): Promise<void> {
    try {
      await deliver(this.#parts, this.stored.target, notification, this.#stop.signal);
      this.#noteDelivered();
    } catch (failure) {
      this.#error = asCausewayError(failure);
      this.#count('failed');
      throw failure;
    }
  }

  view(): NotifierView {
    const { name, events, createdAtMs, target } = this.stored;
    return {
      name,
      kind: target.kind,
      target: target.kind === 'webhook' ? new URL(target.url).origin : (target.argv[0] ?? ''),
      events: [...events],
      createdAtMs,
      queued: this.#queue.length,
      delivered: this.#delivered,
      failed: this.#failed,
      lastDeliveredAtMs: this.#lastDeliveredAtMs,
      error: this.#error?.report() ?? null,
    };
  }

  /** What waits is given up. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      await this.#deliver(next);
      this.#queue.shift();
      if (this.#stop.signal.aborted) break;
    }
    this.#running = null;
  }

  async #deliver(notification: Notification): Promise<void> {
    const { signal } = this.#stop;
    for (let tries = 1; ; tries += 1) {
      try {
        await deliver(this.#parts, this.stored.target, notification, signal);
        this.#noteDelivered();
        return;
      } catch (failure) {
        if (signal.aborted) return;
        const error = asCausewayError(failure);
        this.#error = error;
        const isFinal = failure instanceof FinalRefusal || error.next !== 'retry';
        if (isFinal || tries >= LIMITS.notifyTriesMax.value) return this.#count('failed');
        this.#count('retried');
      }
      await this.#parts.clock.sleep(retryWaitMs(tries, WAITS), signal).catch(() => undefined); // the end
      if (signal.aborted) return;
    }
  }

  #noteDelivered(): void {
    this.#error = null;
    this.#lastDeliveredAtMs = this.#parts.clock.wallMs();
    this.#count('delivered');
  }

  #count(result: DeliveryResult): void {
    if (result === 'delivered') this.#delivered += 1;
    if (result === 'failed') this.#failed += 1;
    this.#onResult(this.stored.name, result, 1);
  }
}
