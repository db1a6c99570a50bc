import { LIMITS } from '../base/limits.ts';
import type { Problem, SinkMessage, SourceMessage } from '../wire/copy_types.ts';
import { decodeSentLaneMessage, heldBackBytes } from '../wire/lane_message.ts';
import { PlanPage } from '../wire/plan_page.ts';
import type { Clock } from '../world/clock.ts';
import type { CopyOutcome, CopyView } from './copy_progress.ts';
import { PeerProgress } from './peer_progress.ts';

/** What a relay knows of a copy between two other machines: what these tell each other. */
export class RelayFigures {
  readonly #clock: Clock;
  #planned = { entries: 0, bytes: 0, complete: false };
  #ready = false;
  readonly #source: PeerProgress;
  readonly #sink: PeerProgress;
  #recoveredBytes = 0;
  #reusedBytes = 0;
  #zeroBytes = 0;
  #notes: readonly string[] = [];
  #problems: Problem[] = [];
  #lastMoveMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#source = new PeerProgress(clock);
    this.#sink = new PeerProgress(clock);
    this.#lastMoveMs = clock.monotonicMs();
  }

  sourceSaid(message: SourceMessage): void {
    this.#source.heard(message);
    this.#noteMove(message);
    if (message.t === 'plan') {
      const { entries, bytes } = this.#planned;
      const page = new PlanPage(message);
      let pageBytes = 0;
      for (let at = 0; at < page.count; at += 1) pageBytes += page.sizeBytes(at);
      this.#planned = {
        entries: entries + page.count,
        bytes: bytes + pageBytes,
        complete: false,
      };
    } else if (message.t === 'planEnd') {
      this.#planned = { entries: message.entries, bytes: message.bytes, complete: true };
      this.#problems.push(...message.problems);
    }
  }

  /** A lane message that the source has sent. Throws CW_WIRE_*. */
  lanePassed(bytes: Uint8Array): void {
    const message = decodeSentLaneMessage(bytes);
    if (message.type === 'zeros') this.#zeroBytes += message.lengthBytes;
    else this.#reusedBytes += heldBackBytes(message);
  }

  /** The outcome, once the sink has told that everything is in place; else null. */
  sinkSaid(message: SinkMessage): CopyOutcome | null {
    this.#sink.heard(message);
    this.#noteMove(message);
    if (message.t === 'ready') {
      this.#ready = true;
      this.#recoveredBytes = message.recoveredBytes;
      this.#notes = message.notes;
    } else if (message.t === 'problem') {
      if (this.#problems.length < LIMITS.problemsListMax.value) this.#problems.push(message.problem);
    } else if (message.t === 'complete') {
      const { entries, bytes } = this.#planned;
      this.#problems = [...message.problems];
      this.#notes = [...this.#notes, ...(message.notes ?? [])];
      return { entries, bytes, problems: message.problems };
    }
    return null;
  }

  /** `localStages` are those of the machine that has the source, `remoteStages` those of the other one. */
  view(): CopyView {
    const sink = this.#sink.latest;
    return {
      phase: this.#phase(),
      plannedEntries: this.#planned.entries,
      plannedBytes: this.#planned.bytes,
      doneEntries: sink?.doneEntries ?? 0,
      sentBytes: this.#source.latest?.sentBytes ?? 0,
      resentBytes: 0,
      receivedBytes: sink?.receivedBytes ?? 0,
      reusedBytes: this.#reusedBytes,
      zeroBytes: this.#zeroBytes,
      compressed: this.#source.latest?.compressed ?? null,
      durableBytes: sink?.durableBytes ?? this.#recoveredBytes,
      recoveredBytes: sink?.recoveredBytes ?? this.#recoveredBytes,
      problems: [...this.#problems],
      notes: this.#notes,
      localStages: this.#source.stages,
      remoteStages: this.#sink.stages,
      undo: sink?.undoHeld ?? null,
      direct: sink?.direct ?? null,
      lastMoveMs: this.#lastMoveMs,
      peerHeardMs: Math.min(this.#source.heardMs, this.#sink.heardMs),
      local: this.#source.reading(),
      remote: this.#sink.reading(),
    };
  }

  /** A side that only tells how far it is need not have moved: it says for how long nothing went on. */
  #noteMove(message: SourceMessage | SinkMessage): void {
    const quietMs = message.t === 'progress' ? message.quietMs : 0;
    if (quietMs !== null) this.#lastMoveMs = Math.max(this.#lastMoveMs, this.#clock.monotonicMs() - quietMs);
  }

  #phase(): CopyView['phase'] {
    if (!this.#planned.complete) return 'planning';
    const told = this.#sink.latest?.phase ?? 'planning';
    if (told !== 'planning') return told;
    return this.#ready ? 'copying' : 'checking';
  }
}
