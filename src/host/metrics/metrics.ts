import { asCausewayError, type ErrorCode } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { PartView } from '../../contract/part_schemas.ts';
import type { JobView } from '../../contract/schemas.ts';
import type { TrailEvent } from '../../service/audit_trail.ts';
import type { ApiAnswer, MetricsPort } from '../../service/ports.ts';
import type { MetricFamily } from '../../telemetry/family.ts';
import { Readings } from '../../telemetry/readings.ts';
import { Tallies } from '../../telemetry/tallies.ts';
import type { Database } from '../../world/database.ts';
import type { World } from '../../world/world.ts';
import type { Access } from '../access.ts';
import type { CopyRates } from '../copy_rates.ts';
import type { JobManager } from '../job_manager.ts';
import type { Machines } from '../machines.ts';
import type { Notifiers } from '../notify/notifiers.ts';
import type { DeliveryResult } from '../notify/notify_lane.ts';
import type { RunningPart } from '../parts/supervised_part.ts';
import type { Shares } from '../shares.ts';
import type { VmMounts } from '../vm_mounts.ts';
import { type AuditCheck, readAccess, SIGN_INS, signInResult } from './access_readings.ts';
import { readCaches } from './cache_readings.ts';
import { readDisks } from './disk_readings.ts';
import { JobMeter } from './job_meter.ts';
import { readQueue, readRates, readRunning } from './job_readings.ts';
import { readLink, readVms } from './link_readings.ts';
import { type ProcessFacts, readProcess } from './process_readings.ts';
import { ShareMeter } from './share_meter.ts';
import { readShares } from './share_readings.ts';
import { UndoSums } from './undo_sums.ts';

export interface MetricsParts {
  readonly world: World;
  readonly facts: ProcessFacts;
  readonly dataDirectory: string;
  readonly database: Database;
  readonly machines: Machines;
  readonly jobs: JobManager;
  readonly rates: CopyRates | null;
  readonly access: Access;
}

/** Measures a daemon: counts what happens, and looks at its parts when it is asked. */
export class Metrics implements MetricsPort, AsyncDisposable {
  readonly shareMeter: ShareMeter;
  readonly #parts: MetricsParts;
  readonly #tallies = new Tallies();
  readonly #jobMeter: JobMeter;
  readonly #undo: UndoSums;
  readonly #ends: readonly (() => void)[];
  #check: AuditCheck;
  #shares: Shares | null = null;
  #mounts: Pick<VmMounts, 'views'> | null = null;
  #eventReaders: () => number = () => 0;
  #notifiers: Notifiers | null = null;
  #partViews: () => PartView[] = () => [];
  readonly #checkListeners = new Set<(isSound: boolean) => void>();

  constructor(parts: MetricsParts) {
    const { world, database, jobs, access } = parts;
    this.#parts = parts;
    this.shareMeter = new ShareMeter(this.#tallies);
    this.#jobMeter = new JobMeter(this.#tallies, world.clock);
    this.#undo = new UndoSums(database, world.clock);
    this.#check = { isSound: access.trail.log.opening.damage === null, atMs: world.clock.wallMs() };
    for (const result of SIGN_INS) this.#tallies.add('causeway_sign_ins', { result }, 0);
    this.#tallies.add('causeway_audit_write_failures', {}, 0);
    world.process.runtime(); // its measuring begins now
    this.#ends = [
      jobs.watchAll(
        (view) => this.#jobMeter.observe(view),
        () => false,
      ),
      access.trail.watch((event) => this.#noteTrail(event)),
    ];
  }

  /** Parts that come later than what measures them. */
  attach(
    shares: Shares,
    mounts: Pick<VmMounts, 'views'>,
    notifiers: Notifiers,
    eventReaders: () => number,
    parts: () => PartView[],
  ): void {
    this.#mounts = mounts;
    this.#partViews = parts;
    this.#shares = shares;
    this.#notifiers = notifiers;
    this.#eventReaders = eventReaders;
  }

  async families(): Promise<MetricFamily[]> {
    const { world, facts, machines, jobs, rates, access } = this.#parts;
    const readings = new Readings();
    const views = machines.views();
    const running = this.#look();
    const nowMs = world.clock.wallMs();
    this.#forget(views.map(({ name }) => name));
    readQueue(readings, jobs.queued(), nowMs);
    const names = views.map(({ name }) => name);
    readRunning(readings, running, names, this.#jobMeter.lastDoneMs);
    readRates(readings, rates);
    readVms(readings, views);
    for (const view of views) readLink(readings, view, machines.link(view.name).state, nowMs);
    readAccess(readings, access, this.#check);
    readProcess(readings, world, facts);
    readings.set('causeway_api_event_readers', {}, this.#eventReaders());
    for (const { name, queued } of this.#notifiers?.views() ?? [])
      readings.set('causeway_notification_queue_length', { receiver: name }, queued);
    for (const { name, state, restarts } of this.#partViews()) {
      readings.set('causeway_part_up', { part: name }, state === 'running' ? 1 : 0);
      readings.set('causeway_part_restarts', { part: name }, restarts);
    }
    this.#tallies.writeTo(readings);
    await this.#undo.read(readings);
    const shares = (await this.#shares?.views()) ?? [];
    if (this.#shares !== null) readShares(readings, this.#shares, shares);
    readCaches(readings, (await this.#mounts?.views()) ?? [], shares);
    await readDisks(readings, world, this.#folders());
    return readings.families();
  }

  answered({ transport, procedure, status, durationMs }: ApiAnswer): void {
    this.#tallies.add('causeway_api_requests', { transport, procedure, status: String(status) });
    if (durationMs !== null)
      this.#tallies.observe('causeway_api_request_duration_seconds', { procedure }, durationMs / 1_000);
  }

  signedIn(code: ErrorCode | null): void {
    this.#tallies.add('causeway_sign_ins', { result: signInResult(code) });
  }

  auditChecked(isSound: boolean): void {
    this.#check = { isSound, atMs: this.#parts.world.clock.wallMs() };
    for (const listener of this.#checkListeners) listener(isSound);
  }

  /** Calls `listener` with the result of each check of the audit log; what is returned ends it. */
  onAuditCheck(listener: (isSound: boolean) => void): () => void {
    this.#checkListeners.add(listener);
    return () => this.#checkListeners.delete(listener);
  }

  /** `times` 0: such a result is possible from now on, and its first occurrence is a rise. */
  notified(receiver: string, result: DeliveryResult, times = 1): void {
    this.#tallies.add('causeway_notifications', { receiver, result }, times);
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #folders(): ReadonlyMap<string, string> {
    const shared = this.#shares?.activity() ?? [];
    return new Map([
      ['state', this.#parts.dataDirectory],
      ...shared.map(({ name, source }) => [`share:${name}`, source] as const),
    ]);
  }

  /** The running copies, their newest figures counted. */
  #look(): JobView[] {
    const running = this.#parts.jobs.running();
    for (const view of running) this.#jobMeter.observe(view);
    return running;
  }

  /** Series of what is gone are told no more. */
  #forget(vms: readonly string[]): void {
    const kept = new Set(vms);
    this.#tallies.keep('vm', kept);
    this.#jobMeter.keep(kept);
    const shares = this.#shares?.activity().map(({ name }) => name) ?? [];
    this.#tallies.keep('share', new Set(['', ...shares]));
    this.#tallies.keep('receiver', new Set(this.#notifiers?.views().map(({ name }) => name)));
  }

  #noteTrail(event: TrailEvent): void {
    if (event.kind === 'written')
      this.#tallies.observe('causeway_audit_write_seconds', {}, event.durationMs / 1_000);
    else if (event.kind === 'write-failed') this.#tallies.add('causeway_audit_write_failures', {});
    else this.#tallies.add('causeway_access_refusals', { code: event.code });
  }

  /** An attempt of a copy that begins again between two scrapes would take its figures with it. */
  sampler(): RunningPart {
    const stop = new AbortController();
    const ended = this.#sample(stop.signal).catch((failure) => asCausewayError(failure));
    return {
      ended,
      close: async () => {
        stop.abort();
        await ended;
      },
    };
  }

  async #sample(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts.world;
    while (!signal.aborted) {
      await clock.sleep(LIMITS.metricJobsSampleMs.value, signal).catch(() => undefined); // the end
      if (!signal.aborted) this.#look();
    }
  }
}
