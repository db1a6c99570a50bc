import { type Deferred, deferred, observed } from '../base/deferred.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { orAborted } from '../base/signal.ts';
import type { MuxStats, Stream } from '../link/mux/mux.ts';
import type { KnowingWorld } from '../tree/index/known_files.ts';
import { decodeSourceMessage } from '../wire/copy_messages.ts';
import type { CopyOptions, CopyPhase, Problem, SinkMessage, SourceMessage } from '../wire/copy_types.ts';
import { askSums } from './checksum/ask_sums.ts';
import { MessageExpander } from './compress/message_expander.ts';
import { CopyChannel } from './copy_channel.ts';
import type { CopyOutcome, CopyView } from './copy_progress.ts';
import { type AskBase, tellBase } from './delta/base_reader.ts';
import { DirectCopy, type DirectParts } from './direct/direct_copy.ts';
import { EvidenceProbe } from './explain/probe.ts';
import { FinishRoom } from './finish_room.ts';
import { KnownBases } from './known/known_bases.ts';
import type { LaneAcceptor } from './link_ports.ts';
import { PeerProgress } from './peer_progress.ts';
import { PlanSpool } from './plan_spool.ts';
import { SinkClaims } from './sink_claims.ts';
import type { SinkFile } from './sink_files.ts';
import { runSinkLane } from './sink_lane.ts';
import { noteProblem, stepSink } from './sink_machine.ts';
import { completeMessage, journalNote, readyMessage } from './sink_notes.ts';
import { SinkPlace } from './sink_place.ts';
import { MARK, SinkPlan } from './sink_plan.ts';
import { newSinkState, type SinkEffect, type SinkEvent, type SinkState } from './sink_state.ts';
import { sinkView } from './sink_view.ts';
import { bitsMessages } from './skip_bits.ts';
import { StageMeter } from './stage_meter.ts';
import { isWholeDisk } from './whole_disk.ts';

export interface SinkParams {
  readonly world: KnowingWorld;
  readonly stream: Stream;
  readonly lanes: LaneAcceptor;
  readonly transferId: Uint8Array;
  readonly destination: string;
  readonly options: CopyOptions;
  readonly signal: AbortSignal;
  /** Asked when the run has failed: whether what is there shall stay for a resume. */
  readonly keepPartial: () => boolean;
}

/**
 * The receiving side of one attempt of a copy. `run` resolves once everything is in place and flushed. After a failure
 * the partial data stay for a resume, unless the copy was cancelled without keeping them.
 */
export class SinkRun {
  readonly meter: StageMeter;
  readonly #probe: EvidenceProbe;
  readonly state: SinkState;
  readonly #plan: SinkPlan;
  readonly #params: SinkParams;
  readonly #channel: CopyChannel<SinkMessage, SourceMessage>;
  readonly #failed: Deferred<never> = deferred<never>();
  readonly #finalize: Deferred<void> = deferred<void>();
  readonly #effects = new Set<Promise<void>>();
  readonly #work = new Set<Promise<void>>();
  #place: SinkPlace | null = null;
  #direct: DirectCopy | null = null;
  readonly #known: KnownBases | null;
  #phase: CopyPhase = 'planning';
  readonly #peer: PeerProgress;
  /** An earlier attempt has left something. */
  #isTakenUp = false;
  readonly #notes: string[] = [];
  #notesTold = 0;
  #sourceProblems: readonly Problem[] = [];
  readonly #room = new FinishRoom(
    () => !this.#finished && this.state.complete.length > LIMITS.finishBacklogFiles.value,
  );
  #keep = true;
  readonly #over = new AbortController();
  readonly #lanes: Stream[] = [];
  #listening: Promise<void> = Promise.resolve();
  #finished = false;
  #telling: Promise<void> | null = null;

  /** `link` gives figures of the link that the copy runs over. */
  constructor(params: SinkParams, link?: () => MuxStats) {
    this.#params = params;
    this.meter = new StageMeter(params.world.clock);
    this.#probe = new EvidenceProbe({ world: params.world, meter: this.meter, link });
    const spool = new PlanSpool(params.world.compression);
    const place = () => this.#place!;
    this.#plan = new SinkPlan(
      spool,
      (entry) => place().targetOf(entry),
      () => place().isRenamed,
    );
    this.#known = KnownBases.of(params.world, params.options.chunkBytes);
    this.state = newSinkState(params.options.chunkBytes, this.#plan);
    this.#channel = new CopyChannel(params.stream, decodeSourceMessage);
    this.#peer = new PeerProgress(params.world.clock);
    observed(this.#failed.promise);
  }

  view(): CopyView {
    return sinkView({
      phase: this.#phase,
      plan: this.#plan,
      state: this.state,
      peer: this.#peer,
      meter: this.meter,
      probe: this.#probe,
      sourceProblems: this.#sourceProblems,
      notes: this.#notes,
      undo: this.#place?.undo ?? null,
      direct: this.#direct?.figures ?? null,
    });
  }

  /** Throws CW_COPY_*, CW_DISK_*, CW_CANCELLED, or the error of the link. Releases what it holds in any case. */
  async run(): Promise<CopyOutcome> {
    try {
      const outcome = await this.#receive();
      await this.#channel.end();
      await this.#sourceEnded();
      return outcome;
    } catch (failure) {
      const error = asCausewayError(failure);
      this.#end(error);
      const stopped = this.#params.signal.aborted ? { keep: this.#params.keepPartial() } : null;
      await this.#channel.fail(error, this.#params.world.clock, stopped);
      throw error;
    } finally {
      this.#end(new CausewayError('CW_LINK_CLOSED', 'the copy is over'));
      await this.#release();
    }
  }

  /** Everything that still waits for the link or a timer ends now; what works on the disk comes to its own end. */
  #end(error: CausewayError): void {
    this.#finished = true;
    this.#over.abort(error);
    this.#failed.reject(error);
    this.#params.lanes.close();
    for (const stream of this.#lanes.splice(0)) stream.reset(error);
    this.#room.wake();
  }

  async #receive(): Promise<CopyOutcome> {
    this.#track(this.#tick());
    let { message: sources } = await this.#nextWithBytes();
    while (sources.t === 'progress') sources = (await this.#nextWithBytes()).message;
    if (sources.t !== 'sources')
      throw new CausewayError('CW_WIRE_MALFORMED', `a copy began with the message ${sources.t}`);
    const onProblem = (problem: Problem) => noteProblem(this.state, problem);
    const params = { ...this.#params, onProblem, signal: this.#over.signal, known: this.#known };
    const place = await this.meter.run('publish', 0, () =>
      SinkPlace.resolve(params, sources.roots, this.meter),
    );
    this.#place = place;
    this.#direct = await DirectCopy.begin(this.#directParts(place), sources.roots, sources.proof);
    await this.#receivePlan(place);
    this.#phase = 'checking';
    await this.#channel.send(await this.#prepare(place));
    this.#phase = 'copying';
    this.#listening = this.#listen();
    this.#track(this.#listening);
    this.#track(this.#takeLanes(place));
    if (this.#direct) this.#track(this.#direct.run());
    this.#emit({ kind: 'planEnd' });
    await this.#guarded(this.#finalize.promise);
    this.#phase = 'finishing';
    await this.#onDisk(this.#finish(place));
    this.#phase = 'done';
    this.#finished = true;
    this.#over.abort();
    const problems = this.view().problems;
    await this.#tell();
    await this.#channel.send(completeMessage(problems, this.#notes.slice(this.#notesTold)));
    return { entries: this.#plan.entries, bytes: this.#plan.bytes, problems };
  }

  async #receivePlan(place: SinkPlace): Promise<void> {
    for (;;) {
      const { message, bytes } = await this.#nextWithBytes();
      if (message.t === 'progress') continue;
      if (message.t === 'planEnd') {
        this.#sourceProblems = message.problems;
        return;
      }
      if (message.t !== 'plan')
        throw new CausewayError('CW_WIRE_MALFORMED', `the message ${message.t} came in the middle of a plan`);
      this.#emit({ kind: 'planned', files: this.#plan.add(bytes, message) });
      await this.#onDisk(place.lookAhead(this.#plan));
    }
  }

  async #prepare(place: SinkPlace): Promise<SinkMessage> {
    await this.#checkNames(place);
    const freeBytes = await this.#onDisk(this.meter.run('publish', 0, () => place.begin(this.#plan)));
    if (place.journalDamage !== null) this.#notes.push(journalNote(place.journalDamage));
    await this.#onDisk(place.makeFolders(this.#plan, (problem) => noteProblem(this.state, problem)));
    this.#emit({ kind: 'entryDone', count: this.#plan.count(MARK.folder) });
    await this.#lookAtDestination(place);
    const claims = this.#claimsOf(place);
    await claims.take();
    this.#isTakenUp = claims.isAny;
    await this.#direct?.take();
    this.#track(claims.check());
    this.#notesTold = this.#notes.length;
    return readyMessage(freeBytes, this.state.recoveredBytes, this.#notes);
  }

  #directParts(place: SinkPlace): DirectParts {
    const { world, options } = this.#params;
    const run = {
      writer: () => place.writer,
      emit: (event: SinkEvent) => this.#emit(event),
      send: (message: SinkMessage) => this.#channel.send(message),
      failed: (file: SinkFile, failure: unknown) => this.#entryFailed(file, failure),
      room: () => this.#room.wait(),
      isOver: () => this.#finished,
    };
    return { world, options, meter: this.meter, plan: this.#plan, state: this.state, run };
  }

  #claimsOf(place: SinkPlace): SinkClaims {
    return new SinkClaims({
      place,
      plan: this.#plan,
      state: this.state,
      emit: (event) => this.#emit(event),
      send: (message) => this.#channel.send(message),
      onDisk: (work) => this.#onDisk(work),
      isOver: () => this.#finished,
    });
  }

  /** Before anything is made: what the destination cannot hold under its name. */
  async #checkNames(place: SinkPlace): Promise<void> {
    const found = await this.#onDisk(this.meter.run('publish', 0, () => place.checkNames(this.#plan)));
    this.#notes.push(...found.notes);
    for (const problem of found.problems) noteProblem(this.state, problem);
    for (const message of found.messages) await this.#channel.send(message);
    if (found.refusal !== null) throw found.refusal;
    this.#emit({ kind: 'passedOver', files: found.skippedFiles });
  }

  /** Tells the source which files it need not send, and of which it may take parts from what is there. */
  async #lookAtDestination(place: SinkPlace): Promise<void> {
    const { files, bytes, older } = await this.#onDisk(
      place.markUnchanged(this.#plan, (indexes) => this.#askSums(indexes)),
    );
    const unchanged = this.#plan.numbers(MARK.unchanged);
    for (const message of bitsMessages('skip', unchanged)) await this.#channel.send(message);
    this.#emit({ kind: 'unchanged', files, bytes });
    if (this.#params.options.wholeFile) return;
    for (const message of bitsMessages('offer', older)) await this.#channel.send(message);
  }

  #askSums(indexes: readonly number[]): Promise<Map<number, Uint8Array>> {
    const next = async () => (await this.#nextWithBytes()).message;
    return askSums(indexes, { send: (message) => this.#channel.send(message), next });
  }

  /** The copy is done. What the source tells last are its figures; without them it is done as well. */
  async #sourceEnded(): Promise<void> {
    const timer = new AbortController();
    const late = this.#params.world.clock.sleep(LIMITS.farewellMs.value, timer.signal);
    await Promise.race([this.#listening, observed(late)]).catch(() => undefined); // all is in place: not even a lost link changes that
    timer.abort();
  }

  /** Reads what the source tells until it ends. */
  async #listen(): Promise<void> {
    for (;;) {
      const { message } = await this.#nextWithBytes();
      if (message.t === 'fileEnd') this.#emit({ kind: 'fileEnd', file: message.file, root: message.root });
      else if (message.t === 'fileChanged') {
        const { file, version, entry } = message;
        this.#emit({ kind: 'fileChanged', file, version, entry });
      } else if (message.t === 'fileFailed') {
        const { file, code, message: text } = message;
        this.#emit({ kind: 'fileFailed', file, code, message: text, tellSource: false });
      } else if (message.t === 'askBase') this.#track(this.#tellBase(message));
      else if (message.t !== 'progress')
        throw new CausewayError('CW_WIRE_MALFORMED', `unexpected message ${message.t}`);
    }
  }

  #tellBase(ask: AskBase): Promise<void> {
    return tellBase(ask, {
      chunkBytes: this.#params.options.chunkBytes,
      meter: this.meter,
      offload: this.#params.world.offload,
      plan: this.#plan,
      open: (file) => this.#place!.openThere(file),
      known: async (base) => this.#known?.knownOf(ask.file, base) ?? null,
      send: (message) => this.#channel.send(message),
      isOver: () => this.#finished,
    });
  }

  async #nextWithBytes(): Promise<{ readonly message: SourceMessage; readonly bytes: Uint8Array }> {
    const received = await this.#guarded(this.#channel.receiveWithBytes());
    if (received === null)
      throw new CausewayError('CW_COPY_PEER', 'the source ended the copy before it was complete');
    const { message } = received;
    this.#peer.heard(message);
    if (message.t === 'stop') this.#keep = message.keep;
    if (message.t === 'stop') throw new CausewayError('CW_CANCELLED', 'the other side stopped the copy');
    return received;
  }

  async #takeLanes(place: SinkPlace): Promise<void> {
    for (;;) {
      const stream = await this.#params.lanes.next();
      if (stream === null) return;
      this.#lanes.push(stream);
      const lane = runSinkLane(
        {
          stream,
          writer: place.writer,
          meter: this.meter,
          chunkBytes: this.#params.options.chunkBytes,
          file: (index) => this.state.files.want(index),
          emit: (event) => this.#emit(event),
          failed: (file, failure) => this.#entryFailed(file, failure),
          room: () => this.#room.wait(),
        },
        new MessageExpander(this.meter, this.#params.world.offload),
      );
      this.#track(lane);
    }
  }

  #entryFailed(file: SinkFile, failure: unknown): void {
    const error = asCausewayError(failure);
    if (isWholeDisk(error)) throw error;
    const { code, message } = error;
    this.#emit({ kind: 'fileFailed', file: file.index, code, message, tellSource: true });
  }

  #emit(event: SinkEvent): void {
    if (this.#finished) return;
    for (const effect of stepSink(this.state, event)) this.#perform(effect);
  }

  #perform(effect: SinkEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#track(this.#channel.send(effect.message));
        return;
      case 'finalize':
        this.#finalize.resolve();
        return;
      case 'flush':
        this.#effect(this.#flush(effect.marks));
        return;
      case 'finish':
        this.#effect(this.#finishBatch(effect.files));
        return;
      case 'drop':
        this.#effect(this.#drop(effect));
        return;
    }
  }

  async #flush(marks: Extract<SinkEffect, { kind: 'flush' }>['marks']): Promise<void> {
    const files = new Set(marks.map((mark) => mark.file));
    const bytes = marks.reduce((sum, mark) => sum + mark.windowBytes, 0);
    const targets = [...files]
      .map((index) => this.state.files.get(index))
      .filter((file) => file !== undefined);
    const failures = await this.#place!.writer.flush(targets, bytes);
    for (const [target, { code, message }] of failures) {
      this.#emit({ kind: 'fileFailed', file: target.index, code, message, tellSource: true });
    }
    this.#emit({ kind: 'flushed' });
    await this.#tell();
  }

  async #finishBatch(indexes: readonly number[]): Promise<void> {
    const files = indexes.map((index) => this.state.files.get(index)!);
    const done = await this.#place!.writer.finish(files, (target, outcome) =>
      this.#emit({ kind: 'unpublished', file: target.index, outcome }),
    );
    this.#emit({ kind: 'published', files: done.map((target) => target.index) });
    this.#emit({ kind: 'batchDone' });
    this.#room.wake();
    await this.#tell();
  }

  async #drop(effect: Extract<SinkEffect, { kind: 'drop' }>): Promise<void> {
    const { file, restart } = effect;
    const { index, version } = file;
    await this.#place!.writer.drop(file);
    if (restart) await this.#channel.send({ t: 'restarted', file: index, version });
  }

  async #finish(place: SinkPlace): Promise<void> {
    const onProblem = (problem: Problem) => noteProblem(this.state, problem);
    await place.makeSymlinks(this.#plan, onProblem);
    await place.makeHardLinks(this.#plan, onProblem);
    this.state.doneEntries += this.#plan.count(MARK.symlink) + this.#plan.count(MARK.hardLink);
    await Promise.all(this.#effects);
    await place.mirror(this.#plan, this.#sourceProblems, onProblem);
    await place.finishFolders(this.#plan, onProblem);
    this.#notes.push(...place.notes());
    await place.discard();
  }

  /** Flushes what has waited long enough and tells how far things are. */
  async #tick(): Promise<void> {
    const { clock } = this.#params.world;
    let sinceFlushMs = 0;
    let sinceToldMs = 0;
    while (!this.#finished) {
      await clock.sleep(LIMITS.progressIntervalMs.value, this.#over.signal);
      sinceFlushMs += LIMITS.progressIntervalMs.value;
      sinceToldMs += LIMITS.progressIntervalMs.value;
      if (this.#finished) return;
      if (sinceFlushMs >= LIMITS.flushIntervalMs.value) {
        sinceFlushMs = 0;
        this.#emit({ kind: 'tick' });
      }
      if (this.#phase === 'copying') this.#track(this.#probe.lookAtSpace(() => this.#place!.freeBytes()));
      // what the link does not take is not told again and again
      const waitsMs = this.#probe.isBackedUp ? LIMITS.progressSlowIntervalMs.value : 0;
      if (this.#telling === null && sinceToldMs > waitsMs) {
        sinceToldMs = 0;
        this.#telling = this.#tell().finally(() => {
          this.#telling = null;
        });
        this.#track(this.#telling);
      }
    }
  }

  #tell(): Promise<void> {
    const { receivedBytes, settledBytes, durableBytes, recoveredBytes, doneEntries } = this.state;
    const undo = this.#place?.undo;
    return this.#channel.send({
      t: 'progress',
      sentBytes: 0,
      receivedBytes,
      settledBytes,
      durableBytes,
      recoveredBytes,
      doneEntries,
      phase: this.#phase,
      stages: this.meter.figures(),
      quietMs: Math.round(this.meter.quietMs()),
      ...this.#probe.untold(),
      ...(undo && { undoHeld: undo }),
      ...(this.#direct && { direct: this.#direct.figures }),
    });
  }

  /** Like the promise, but fails as soon as the run has failed or is aborted. */
  #guarded<T>(promise: Promise<T>): Promise<T> {
    observed(promise);
    return orAborted(Promise.race([promise, this.#failed.promise]), this.#params.signal);
  }

  /** The same for work on the disk, which the run waits for before it lets go of the disk. */
  #onDisk<T>(work: Promise<T>): Promise<T> {
    const ended = work.then(
      () => undefined,
      () => undefined, // the failure is the caller's
    );
    this.#work.add(ended);
    void ended.then(() => this.#work.delete(ended));
    return this.#guarded(work);
  }

  #effect(work: Promise<void>): void {
    this.#effects.add(work);
    this.#track(work);
    work.finally(() => this.#effects.delete(work)).catch(() => undefined); // #track reports the failure
  }

  /** A part whose failure is the run's failure, and which ends before the run lets go of the disk. */
  #track(work: Promise<void>): void {
    const watched = work.catch((failure) => {
      if (!this.#finished) this.#failed.reject(asCausewayError(failure));
    });
    this.#work.add(watched);
    void watched.then(() => this.#work.delete(watched));
  }

  /** Waits for what still works on the disk, however long a stuck device takes, then lets go of it. */
  async #release(): Promise<void> {
    await Promise.allSettled([...this.#effects, ...this.#work]);
    const { receivedBytes, recoveredBytes } = this.state;
    const isWorthIt = this.#isTakenUp || receivedBytes + recoveredBytes > 0;
    const keep = this.#keep && this.#params.keepPartial() && isWorthIt;
    try {
      if (!keep) await this.#place?.discard();
    } finally {
      await this.#direct?.close();
      await this.#place?.close();
    }
  }
}
