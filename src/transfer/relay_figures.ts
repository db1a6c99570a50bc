import { LIMITS } from '../base/limits.ts';
import type { Problem, ProgressMessage, SinkMessage, SourceMessage } from '../wire/copy_types.ts';
import type { Clock } from '../world/clock.ts';
import type { CopyOutcome, CopyView } from './copy_progress.ts';

/** What a relay knows of a copy between two other machines: what these tell each other. */
export class RelayFigures {
  readonly #clock: Clock;
  #planned = { entries: 0, bytes: 0, complete: false };
  #ready = false;
  #source: ProgressMessage | null = null;
  #sink: ProgressMessage | null = null;
  #recoveredBytes = 0;
  #notes: readonly string[] = [];
  #problems: Problem[] = [];
  #sourceHeardMs: number;
  #sinkHeardMs: number;
  #lastMoveMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sourceHeardMs = clock.monotonicMs();
    this.#sinkHeardMs = this.#sourceHeardMs;
    this.#lastMoveMs = this.#sourceHeardMs;
  }

  sourceSaid(message: SourceMessage): void {
    this.#sourceHeardMs = this.#clock.monotonicMs();
    this.#noteMove(message, this.#sourceHeardMs);
    if (message.t === 'progress') this.#source = message;
    else if (message.t === 'plan') {
      const { entries, bytes } = this.#planned;
      const pageBytes = message.entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
      this.#planned = {
        entries: entries + message.entries.length,
        bytes: bytes + pageBytes,
        complete: false,
      };
    } else if (message.t === 'planEnd') {
      this.#planned = { entries: message.entries, bytes: message.bytes, complete: true };
      this.#problems.push(...message.problems);
    }
  }

  /** The outcome, once the sink has told that everything is in place; else null. */
  sinkSaid(message: SinkMessage): CopyOutcome | null {
    this.#sinkHeardMs = this.#clock.monotonicMs();
    this.#noteMove(message, this.#sinkHeardMs);
    if (message.t === 'progress') this.#sink = message;
    else if (message.t === 'ready') {
      this.#ready = true;
      this.#recoveredBytes = message.recoveredBytes;
      this.#notes = message.notes;
    } else if (message.t === 'problem') {
      if (this.#problems.length < LIMITS.problemsListMax.value) this.#problems.push(message.problem);
    } else if (message.t === 'complete') {
      const { entries, bytes } = this.#planned;
      this.#problems = [...message.problems];
      return { entries, bytes, problems: message.problems };
    }
    return null;
  }

  /** `localStages` are those of the machine that has the source, `remoteStages` those of the other one. */
  view(): CopyView {
    const sink = this.#sink;
    return {
      phase: this.#phase(),
      plannedEntries: this.#planned.entries,
      plannedBytes: this.#planned.bytes,
      doneEntries: sink?.doneEntries ?? 0,
      sentBytes: this.#source?.sentBytes ?? 0,
      resentBytes: 0,
      receivedBytes: sink?.receivedBytes ?? 0,
      reusedBytes: 0,
      durableBytes: sink?.durableBytes ?? this.#recoveredBytes,
      recoveredBytes: this.#recoveredBytes,
      problems: [...this.#problems],
      notes: this.#notes,
      localStages: this.#source?.stages ?? [],
      remoteStages: sink?.stages ?? [],
      undo: sink?.undoHeld ?? null,
      lastMoveMs: this.#lastMoveMs,
      peerHeardMs: Math.min(this.#sourceHeardMs, this.#sinkHeardMs),
    };
  }

  /** A side that only tells how far it is need not have moved: it says for how long nothing went on. */
  #noteMove(message: SourceMessage | SinkMessage, nowMs: number): void {
    const quietMs = message.t === 'progress' ? message.quietMs : 0;
    if (quietMs !== null) this.#lastMoveMs = Math.max(this.#lastMoveMs, nowMs - quietMs);
  }

  #phase(): CopyView['phase'] {
    if (!this.#planned.complete) return 'planning';
    const told = this.#sink?.phase ?? 'planning';
    if (told !== 'planning') return told;
    return this.#ready ? 'copying' : 'checking';
  }
}
