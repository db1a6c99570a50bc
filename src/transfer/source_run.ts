import { type Deferred, deferred, observed } from '../base/deferred.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted, throwIfAborted } from '../base/signal.ts';
import type { MuxStats, Stream } from '../link/mux/mux.ts';
import { decodeSinkMessage, encodeCopyMessage } from '../wire/copy_messages.ts';
import type { CopyOptions, CopyPhase, Problem, SinkMessage, SourceMessage } from '../wire/copy_types.ts';
import type { Stat } from '../world/disk.ts';
import type { World } from '../world/world.ts';
import { boundedProblems } from './bounded_problems.ts';
import { idleBuffers, lastingPool } from './buffer_pool.ts';
import { tellSums } from './checksum/source_sums.ts';
import type { CopyCompressor } from './compress/copy_compressor.ts';
import { dataMaxBytes, packMaxBytes, sourceCompression } from './compress/source_compression.ts';
import { CopyChannel } from './copy_channel.ts';
import type { CopyOutcome, CopyView } from './copy_progress.ts';
import { howToTell, SourceDeltas } from './delta/source_deltas.ts';
import { DirectOffer, refuseOldSink } from './direct/offer.ts';
import { EvidenceProbe } from './explain/probe.ts';
import { GrantGate } from './grants.ts';
import type { LaneOpener } from './link_ports.ts';
import { type ByteGate, Pacer } from './pacer.ts';
import { PeerProgress } from './peer_progress.ts';
import { PlanSpool } from './plan_spool.ts';
import type { SharedReader } from './shared_reads.ts';
import { sharingReader } from './shared_source.ts';
import { numbersIn } from './skip_bits.ts';
import { type LaneRun, runSourceLane } from './source_lane.ts';
import { type SourceFile, SourceMachine, type SourceWork } from './source_machine.ts';
import { type PlanTotals, planPages } from './source_plan.ts';
import { SourceReader } from './source_reader.ts';
import { closeSource, openSource, refuseTwins, type SourceRoot } from './source_roots.ts';
import { StageMeter } from './stage_meter.ts';

export interface SourceParams {
  readonly world: World;
  readonly stream: Stream;
  readonly lanes: LaneOpener;
  readonly sources: readonly string[];
  readonly options: CopyOptions;
  readonly signal: AbortSignal;
  /** Where other copies of the same sources run at the same time. */
  readonly shared?: SharedReader | undefined;
  /** Asked when the copy was stopped: whether the sink shall keep what it has for a resume. */
  readonly keepPartial: () => boolean;
}

/** The sending side of one attempt of a copy. `run` resolves when the sink says that everything is in place. */
export class SourceRun {
  readonly meter: StageMeter;
  readonly #probe: EvidenceProbe;
  readonly machine: SourceMachine;
  readonly #params: SourceParams;
  readonly #channel: CopyChannel<SourceMessage, SinkMessage>;
  readonly #totals: PlanTotals = { entries: 0, bytes: 0, problems: [] };
  /** From which entry of the plan on which source is meant; rises. */
  readonly #rootsFrom: { readonly entry: number; readonly root: number }[] = [];
  /** What goes on beside the lanes: last looks, comparisons. */
  readonly #beside = new Set<Promise<void>>();
  #plannedEntries = 0;
  readonly #roots: SourceRoot[] = [];
  readonly #reader: SourceReader;
  #offer: DirectOffer | null = null;
  #deltas: SourceDeltas | null = null;
  readonly #grants: GrantGate | null;
  readonly #gates: readonly ByteGate[];
  #compressor: CopyCompressor | null = null;
  #phase: CopyPhase = 'planning';
  readonly #peer: PeerProgress;
  #recoveredBytes = 0;
  #notes: readonly string[] = [];
  #sinkProblems: Problem[] = [];
  #waiters: Deferred<void>[] = [];
  #failure: CausewayError | null = null;
  readonly #over = new AbortController();
  readonly #lanes: Stream[] = [];
  #finished = false;

  /** `link` gives figures of the link that the copy runs over. */
  constructor(params: SourceParams, link?: () => MuxStats) {
    this.#params = params;
    this.meter = new StageMeter(params.world.clock);
    this.#probe = new EvidenceProbe({ world: params.world, meter: this.meter, link });
    const { limitBytesPerSecond: limit, paced } = params.options;
    const pacer = limit === null ? null : new Pacer(params.world.clock, limit);
    this.#grants = paced ? new GrantGate(params.world.clock) : null;
    this.#gates = [pacer, this.#grants, params.lanes.gate].filter((gate) => gate != null);
    this.machine = new SourceMachine(
      params.options.chunkBytes,
      new PlanSpool(params.world.compression),
      packMaxBytes(params.options),
    );
    this.#reader = new SourceReader(
      this.#roots,
      (file) => this.#rootOf(file.index),
      this.meter,
      params.options.chunkBytes,
      params.world.offload,
    );
    this.#channel = new CopyChannel(params.stream, decodeSinkMessage);
    this.#peer = new PeerProgress(params.world.clock);
  }

  view(): CopyView {
    const remote = this.#peer.latest;
    return {
      phase: remote && remote.phase !== 'planning' && this.#phase !== 'planning' ? remote.phase : this.#phase,
      plannedEntries: this.#totals.entries,
      plannedBytes: this.#totals.bytes,
      doneEntries: remote?.doneEntries ?? 0,
      sentBytes: this.machine.sentBytes,
      resentBytes: this.machine.resentBytes,
      reusedBytes: this.machine.reusedBytes,
      zeroBytes: this.machine.zeroBytes,
      compressed: this.#compressor?.figures() ?? null,
      receivedBytes: remote?.receivedBytes ?? 0,
      durableBytes: remote?.durableBytes ?? this.#recoveredBytes,
      recoveredBytes: remote?.recoveredBytes ?? this.#recoveredBytes,
      problems: [...this.#totals.problems, ...this.#sinkProblems],
      notes: this.#notes,
      localStages: this.meter.figures(),
      remoteStages: this.#peer.stages,
      undo: remote?.undoHeld ?? null,
      direct: remote?.direct ?? null,
      lastMoveMs: Math.max(this.meter.lastMoveMs, this.#peer.lastMoveMs),
      peerHeardMs: this.#peer.heardMs,
      local: this.#probe.reading(),
      remote: this.#peer.reading(),
    };
  }

  /** Throws CW_COPY_*, CW_DISK_*, CW_CANCELLED, or the error of the link. Releases what it holds in any case. */
  async run(): Promise<CopyOutcome> {
    const telling = observed(this.#tellProgress());
    try {
      for (const path of this.#params.sources)
        this.#roots.push(await this.#look(() => openSource(this.#params.world.disk, path)));
      refuseTwins(this.#roots);
      const outcome = await this.#transfer(telling);
      observed(this.#tell()); // the last figures, for whoever shows them; the end goes out after them
      await this.#channel.end();
      return outcome;
    } catch (failure) {
      const error = asCausewayError(failure);
      this.#end(error);
      const stopped = this.#params.signal.aborted ? { keep: this.#params.keepPartial() } : null;
      await this.#channel.fail(error, this.#params.world.clock, stopped);
      throw error;
    } finally {
      await this.#release();
    }
  }

  /** Everything that still waits for the link or a timer ends now; a read of the disk comes to its own end. */
  #end(error: CausewayError): void {
    this.#finished = true;
    this.#over.abort(error);
    for (const stream of this.#lanes.splice(0)) stream.reset(error);
    this.#wake();
  }

  async #transfer(telling: Promise<void>): Promise<CopyOutcome> {
    const { signal, options } = this.#params;
    const ready = observed(this.#awaitReady());
    await this.#planned(ready);
    const reader = this.#reader;
    this.#deltas = new SourceDeltas({
      chunkBytes: options.chunkBytes,
      meter: this.meter,
      offload: this.#params.world.offload,
      signal: this.#over.signal,
      ask: (file, chunking, from) =>
        this.#channel.send({ t: 'askBase', file: file.index, chunking, ...howToTell(from) }),
      withFile: (file, work) => reader.withFile(file, work),
      known: (file, version, delta) => {
        this.machine.known(file, version, delta);
        this.#wake();
      },
    });
    this.#phase = 'checking';
    await ready;
    const { shared } = this.#params;
    if (shared) await orAborted(shared.start(), signal);
    this.#phase = 'copying';
    for (const file of this.machine.start()) this.#endFile(file);
    const complete = observed(this.#listen());
    const lanes = Array.from({ length: options.lanes }, (_, lane) => this.#runLane(lane));
    try {
      const outcome = await orAborted(Promise.race([complete, failureOf(lanes, telling)]), signal);
      this.#phase = 'done';
      return outcome;
    } catch (failure) {
      this.#end(asCausewayError(failure));
      throw failure;
    } finally {
      this.#finished = true;
      this.#over.abort();
      this.#wake();
      await Promise.allSettled(lanes);
    }
  }

  /** Sends the plan, for as long as the sink has nothing against it. */
  async #planned(ready: Promise<void>): Promise<void> {
    const over = AbortSignal.any([this.#params.signal, this.#over.signal]);
    const plan = observed(this.#sendPlan(over));
    try {
      await Promise.race([plan, ready.then(() => plan)]);
    } catch (failure) {
      this.#end(asCausewayError(failure));
      await plan.catch(() => undefined); // it is told what failed first
      throw failure;
    }
  }

  async #sendPlan(signal: AbortSignal): Promise<void> {
    this.#offer = DirectOffer.of(this.#params, this.#roots);
    const roots = this.#roots.map((root) => root.info);
    await this.#channel.send({ t: 'sources', roots, ...this.#offer.message });
    const { offload } = this.#params.world;
    const looking = <T>(work: () => Promise<T>) => this.#look(work);
    const { exclude } = this.#params.options;
    for await (const page of planPages(this.#roots, this.#totals, { signal, offload, looking, exclude })) {
      this.#noteRoots(page.roots);
      const message = encodeCopyMessage({ t: 'plan', ...page.columns });
      this.machine.planned(message, page.page);
      this.#plannedEntries += page.page.count;
      await orAborted(this.#channel.sendEncoded(message), signal);
    }
    const { entries, bytes, problems } = this.#totals;
    await this.#channel.send({ t: 'planEnd', entries, bytes, problems: boundedProblems(problems) });
  }

  #noteRoots(roots: readonly number[]): void {
    let last = this.#rootsFrom.at(-1)?.root;
    for (let at = 0; at < roots.length; at += 1) {
      const root = roots[at]!;
      if (root === last) continue;
      last = root;
      this.#rootsFrom.push({ entry: this.#plannedEntries + at, root });
    }
  }

  #rootOf(index: number): number {
    return this.#rootsFrom.findLast(({ entry }) => entry <= index)!.root;
  }

  /** A look at the source that reads no bytes. */
  async #look<T>(work: () => Promise<T>): Promise<T> {
    const result = await this.meter.run('sourceRead', 0, work);
    this.meter.goesOn();
    return result;
  }

  async #awaitReady(): Promise<void> {
    for (;;) {
      const message = await this.#next();
      if (message.t === 'have') for (const { i, h } of message.chunks) this.machine.have(message.file, i, h);
      else if (message.t === 'skip') for (const file of numbersIn(message)) this.machine.skip(file);
      else if (message.t === 'take') for (const file of numbersIn(message)) this.machine.taken(file);
      else if (message.t === 'offer') for (const file of numbersIn(message)) this.machine.offered(file);
      else if (message.t === 'compare') this.#aside(this.#tellSums(numbersIn(message)));
      else if (message.t === 'ready') {
        refuseOldSink(this.#params.options, message);
        this.#recoveredBytes = message.recoveredBytes;
        this.#notes = message.notes;
        this.#compressor = this.#compression(message.codings);
        return;
      } else this.#common(message);
    }
  }

  #tellSums(asked: Iterable<number>): Promise<void> {
    const files = [...asked].map((index) => this.machine.lookedAt(index)).filter((file) => file !== null);
    const { chunkBytes } = this.#params.options;
    const send = (message: SourceMessage) => this.#channel.send(message);
    return tellSums(files, { chunkBytes, reader: this.#reader, send, isOver: () => this.#finished });
  }

  #compression(codings: readonly string[] | undefined): CopyCompressor | null {
    const { world, options } = this.#params;
    const [local, remote] = [() => this.#probe.reading(), () => this.#peer.reading()];
    return sourceCompression({ world, meter: this.meter, options, codings, local, remote });
  }

  /** Reads what the sink tells until it is complete. */
  async #listen(): Promise<CopyOutcome> {
    for (;;) {
      const message = await this.#next();
      if (message.t === 'complete') {
        const { problems } = message;
        this.#notes = [...this.#notes, ...(message.notes ?? [])];
        return { entries: this.#totals.entries, bytes: this.#totals.bytes, problems };
      }
      if (message.t === 'reject') this.machine.rejected(message.file, message.index);
      else if (message.t === 'giveBack') this.machine.givenBack(message.file);
      else if (message.t === 'base') this.#aside(this.#deltas!.take(message));
      else if (message.t === 'published') for (const file of message.files) this.machine.done(file);
      else if (message.t === 'restarted') this.#restarted(message.file, message.version);
      else this.#common(message);
      this.#wake();
    }
  }

  #restarted(index: number, version: number): void {
    const file = this.machine.restarted(index, version);
    if (file && this.machine.atEnd(file)) this.#endFile(file); // it is empty by now: there is no chunk to wait for
  }

  #common(message: SinkMessage): void {
    if (message.t === 'progress') {
      this.machine.settled(message.settledBytes);
    } else if (message.t === 'problem') {
      this.machine.done(message.file);
      this.#sinkProblems.push(message.problem);
    } else if (message.t === 'grant') {
      this.#grants?.granted(message.bytes);
    } else if (message.t === 'stop') {
      throw new CausewayError('CW_CANCELLED', 'the other side stopped the copy');
    }
  }

  async #next(): Promise<SinkMessage> {
    const message = await orAborted(this.#channel.receive(), this.#params.signal);
    if (message === null)
      throw new CausewayError('CW_COPY_PEER', 'the other side ended the copy before it was complete');
    this.#peer.heard(message);
    return message;
  }

  async #runLane(lane: number): Promise<void> {
    const pool = lastingPool(dataMaxBytes(this.#params.options), LIMITS.laneBuffersMax.value);
    const { shared } = this.#params;
    const stream = await this.#params.lanes.openLane(lane);
    this.#lanes.push(stream);
    await runSourceLane({
      stream,
      pool,
      reader: shared ? sharingReader(this.#reader, shared) : this.#reader,
      meter: this.meter,
      chunkBytes: this.#params.options.chunkBytes,
      lanes: this.#params.options.lanes,
      compressor: this.#compressor,
      run: this.#laneRun(),
    });
  }

  #laneRun(): LaneRun {
    return {
      nextWork: () => this.#nextWork(),
      following: (work) => (this.#finished ? null : this.machine.following(work)),
      pace: (bytes) => this.#pace(bytes),
      sent: (work, hash, copiedBytes) => {
        this.machine.reused(copiedBytes);
        if (this.machine.chunkSent(work.file, work.version, work.index, hash) === 'end')
          this.#endFile(work.file);
      },
      machine: this.machine,
      moved: (work) => {
        const next = this.machine.moved(work);
        if (next === 'end') this.#endFile(work.file);
        else if (next !== 'more') this.#aside(this.#deltas!.begin(work.file, next));
      },
      changed: (file, version, stat) => this.#fileChanged(file, version, stat),
      failed: (file, error) => this.#fileFailed(file, error),
    };
  }

  async #nextWork(): Promise<SourceWork | null> {
    for (;;) {
      if (this.#finished) return null;
      if (this.#failure !== null) throw this.#failure;
      throwIfAborted(this.#params.signal);
      for (const file of this.machine.takeOffers()) this.#aside(this.#deltas!.begin(file));
      const work = this.machine.next();
      if (work !== null) return work;
      const waiter = deferred<void>();
      this.#waiters.push(waiter);
      if (this.machine.isWindowFull) await this.meter.wait('window', () => waiter.promise);
      else await waiter.promise;
    }
  }

  async #pace(bytes: number): Promise<void> {
    for (const gate of this.#gates)
      await this.meter.wait('limit', () => gate.take(bytes, this.#over.signal, () => this.meter.goesOn()));
  }

  #endFile(file: SourceFile): void {
    this.#aside(this.#lastLook(file));
  }

  /** Goes on beside the lanes; a failure ends the run. */
  #aside(work: Promise<void>): void {
    const watched = work.catch((failure) => this.#stop(asCausewayError(failure)));
    this.#beside.add(watched);
    void watched.then(() => this.#beside.delete(watched));
  }

  async #lastLook(file: SourceFile): Promise<void> {
    const { version } = file;
    try {
      const changed = await this.#look(() => this.#reader.lastLook(file));
      if (changed !== null) return await this.#fileChanged(file, version, changed);
    } catch (failure) {
      return await this.#fileFailed(file, asCausewayError(failure));
    }
    if (file.version !== version || file.phase !== 'ending') return;
    this.machine.ended(file);
    await this.#channel.send({ t: 'fileEnd', file: file.index, root: file.chunks.root() });
  }

  async #fileChanged(file: SourceFile, version: number, stat: Stat): Promise<void> {
    const isOver = () => file.version !== version || file.phase === 'done' || this.#finished;
    if (isOver()) return;
    let entry: SourceFile['entry'];
    try {
      entry = await this.#reader.entryOf(file, stat);
    } catch (failure) {
      return this.#fileFailed(file, asCausewayError(failure));
    }
    if (isOver()) return; // another lane has told of it meanwhile
    if (!this.machine.changed(file, entry)) {
      const message = `${file.entry.path} changed ${file.changes} times while it was read`;
      return this.#fileFailed(file, new CausewayError('CW_COPY_SOURCE_CHANGED', message));
    }
    await this.#channel.send({
      t: 'fileChanged',
      file: file.index,
      version: file.version,
      entry: file.entry,
    });
  }

  async #fileFailed(file: SourceFile, error: CausewayError): Promise<void> {
    if (file.phase === 'done' || this.#finished) return;
    this.machine.done(file.index);
    await this.#channel.send({ t: 'fileFailed', file: file.index, code: error.code, message: error.message });
    this.#wake();
  }

  #tell(): Promise<void> {
    this.machine.windowBytes = this.#probe.windowBytes(this.#peer.reading());
    return this.#channel.send({
      t: 'progress',
      sentBytes: this.machine.sentBytes,
      receivedBytes: 0,
      settledBytes: 0,
      durableBytes: 0,
      doneEntries: 0,
      phase: this.#phase,
      stages: this.meter.figures(),
      quietMs: Math.round(this.meter.quietMs()),
      ...this.#probe.untold(),
      ...(this.#compressor && { compressed: this.#compressor.figures() }),
    });
  }

  /** While it runs, the sink learns how the source's stages are: it may be the side that a user watches. */
  async #tellProgress(): Promise<void> {
    const { clock } = this.#params.world;
    let linkBytes = 0;
    while (!this.#finished) {
      await clock.sleep(LIMITS.progressIntervalMs.value, this.#over.signal);
      const movedBytes = this.meter.bytes('link') - linkBytes;
      // where little gets through, it is left to what is copied
      if (this.#phase === 'copying' && movedBytes < LITTLE_BYTES)
        await clock.sleep(LIMITS.progressSlowIntervalMs.value, this.#over.signal);
      linkBytes = this.meter.bytes('link');
      if (this.#finished) return;
      await this.#tell();
    }
  }

  #stop(error: CausewayError): void {
    this.#failure ??= error;
    this.#wake();
  }

  #wake(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve();
  }

  async #release(): Promise<void> {
    await Promise.allSettled(this.#beside);
    await this.#reader.close();
    this.#params.world.process.giveBack?.(idleBuffers());
    this.#offer?.[Symbol.dispose]();
    for (const root of this.#roots.splice(0)) await closeSource(root);
  }
}

/** Less than this between two messages of progress makes them rarer. */
const LITTLE_BYTES = 32 * 1024;

/** Rejects with the first failure of any; never resolves. */
async function failureOf(lanes: readonly Promise<void>[], telling: Promise<void>): Promise<never> {
  await Promise.all([...lanes, telling]);
  return new Promise<never>(() => undefined);
}
