import { type CompressionLevel, expectedFigures, LEVELS, type LevelFigures } from './level_figures.ts';

/** What the stages did in one interval, of half a second or so, at the level of the state. */
export interface IntervalLoad {
  readonly elapsedMs: number;
  /** Lanes that compress at the same time. */
  readonly lanes: number;
  /** How long the link had bytes to carry; at most `elapsedMs`. */
  readonly linkBusyMs: number;
  /** Work of the compressors, all lanes together. */
  readonly compressBusyMs: number;
  /** Bytes of files that went to the link, compressed or not. */
  readonly payloadBytes: number;
  /** What they were on the wire. */
  readonly wireBytes: number;
  /** Mean of {@link estimateRatio} over the samples taken; null where none was. */
  readonly sampledRatio: number | null;
}

export interface LevelState {
  readonly level: CompressionLevel;
  readonly figures: readonly LevelFigures[];
  /** The level that the last intervals spoke for, and how many in a row. */
  readonly candidate: CompressionLevel;
  readonly votes: number;
  readonly sampledRatio: number | null;
  /** Payload that the stages other than link and compressor were seen to let through; null where these were never the limit. */
  readonly others: { readonly bytesPerMs: number; readonly age: number } | null;
}

/** Intervals in a row that must agree before the level moves. */
const VOTES = 3;
/** Gain in throughput below which more compression is not worth its work, and a change not its unrest. */
const WORTH = 1.05;
/** The same where the compressors would be idle for most of the time. */
const WORTH_IDLE = 1.01;
const IDLE_FACTOR = 4;
/** The same for any compression at all: it works the processors of both sides. */
const WORTH_BEGINNING = 1.15;
/** A stage that is busy for this share of the time limits the others. */
const BUSY_SHARE = 0.8;
/** Weight of a new measurement. */
const FRESH = 0.5;
/** Intervals after which a measurement of a level not in use is forgotten: data and machine change. */
const MEMORY_INTERVALS = 240;
/** Below this an interval says nothing. */
const PAYLOAD_MIN_BYTES = 256 * 1024;
const ELAPSED_MIN_MS = 50;

/** No compression, until a link shows that it is slower than the compressor. */
export function initialLevel(): LevelState {
  const figures = LEVELS.map((level) => ({ bytesPerMs: null, ratio: level === 0 ? 1 : null, age: 0 }));
  return { level: 0, figures, candidate: 0, votes: 0, sampledRatio: null, others: null };
}

/**
 * The level for the next interval. For every level it is reckoned what would limit the copy, the link (capacity × ratio) or
 * the compressors, from what was measured at the levels tried and what that lets expect of the others. The lowest level that
 * comes close to the best wins: more compression where the link is the bottleneck, less where the compressor is, none where
 * another stage is. The level moves by one step, after VOTES intervals that agree. On a link that carries more than the
 * expected rate of the fastest level nothing is tried: the trial would cost a fast copy more than it could win.
 */
export function nextLevel(state: LevelState, load: IntervalLoad): LevelState {
  if (load.payloadBytes < PAYLOAD_MIN_BYTES || load.elapsedMs < ELAPSED_MIN_MS || load.linkBusyMs <= 0)
    return state;
  const figures = measured(state, load);
  const sampledRatio = load.sampledRatio ?? state.sampledRatio;
  const known = { ...state, figures, sampledRatio, others: othersOf(state, load) };
  const candidate = best(known, load);
  const votes = candidate === state.level ? 0 : candidate === state.candidate ? state.votes + 1 : 1;
  if (votes < VOTES) return { ...known, candidate, votes };
  const at = LEVELS.indexOf(state.level);
  const level = LEVELS[at + Math.sign(candidate - state.level)]!;
  return { ...known, level, candidate: level, votes: 0 };
}

/** Remembered, because it cannot be seen at a level where the link or the compressor is the limit. */
function othersOf({ others }: LevelState, load: IntervalLoad): LevelState['others'] {
  const bytesPerMs = load.payloadBytes / load.elapsedMs;
  const isLimit =
    load.linkBusyMs < BUSY_SHARE * load.elapsedMs &&
    load.compressBusyMs < BUSY_SHARE * load.elapsedMs * load.lanes;
  if (isLimit) return { bytesPerMs, age: 0 };
  if (others === null || bytesPerMs > WORTH * others.bytesPerMs || others.age >= MEMORY_INTERVALS)
    return null;
  return { ...others, age: others.age + 1 };
}

function measured(state: LevelState, load: IntervalLoad): LevelFigures[] {
  return state.figures.map((figures, at) => {
    if (LEVELS[at] === state.level) {
      if (at === 0) return figures;
      const bytesPerMs = load.compressBusyMs > 0 ? load.payloadBytes / load.compressBusyMs : null;
      return {
        bytesPerMs: blend(figures.bytesPerMs, bytesPerMs),
        ratio: blend(figures.ratio, load.payloadBytes / Math.max(1, load.wireBytes)),
        age: 0,
      };
    }
    const age = figures.age + 1;
    return at === 0 || age < MEMORY_INTERVALS ? { ...figures, age } : { bytesPerMs: null, ratio: null, age };
  });
}

function blend(old: number | null, fresh: number | null): number | null {
  if (old === null || fresh === null) return fresh ?? old;
  return old + FRESH * (fresh - old);
}

/** The lowest level that no higher one betters by enough. */
function best({ figures, sampledRatio, others }: LevelState, load: IntervalLoad): CompressionLevel {
  const linkBytesPerMs = load.wireBytes / load.linkBusyMs;
  const otherBytesPerMs = others?.bytesPerMs ?? Number.POSITIVE_INFINITY;
  const levels = expectedFigures(figures, sampledRatio).map(({ bytesPerMs, ratio }) => {
    const compressors = bytesPerMs * load.lanes;
    const throughput = Math.min(compressors, linkBytesPerMs * ratio, otherBytesPerMs);
    return { throughput, worth: compressors >= IDLE_FACTOR * throughput ? WORTH_IDLE : WORTH };
  });
  const at = levels.findIndex(({ throughput }, index) =>
    levels
      .slice(index + 1)
      .every((higher) => higher.throughput < throughput * (index === 0 ? WORTH_BEGINNING : higher.worth)),
  );
  return LEVELS[at]!;
}
