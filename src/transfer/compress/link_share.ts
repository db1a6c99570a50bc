import type { IntervalLoad } from '../../store/compression/level_controller.ts';
import type { Stage } from '../../wire/stages.ts';
import type { SideFigures } from '../explain/evidence.ts';

interface Sides {
  readonly source: SideFigures;
  readonly sink: SideFigures;
}

/** What the sink does with bytes that have arrived: while it is at that, it takes no new ones from the link. */
const SINK_WORK: readonly Stage[] = [
  'decompress',
  'destinationRead',
  'destinationWrite',
  'destinationFlush',
  'verify',
  'publish',
];
/** With so much of the time left the link is what everything waits for. */
const LINK_SHARE = 0.5;
/** Nothing is ever all of the reason. */
const SHARE_MIN = 0.02;
/** A processor that moves bytes through a link does not get slower than this, whatever else it does. */
const SLOW_LINK_BYTES_PER_MS = 40_000;

/**
 * The part of the time in which bytes waited for the link that is the link's own doing: it also looks busy while the sink
 * does not take what has arrived, and while the thread that encrypts and sends has no time left. 1 where these are at work
 * for less than half of the time.
 */
export function linkShare({ source, sink }: Sides): number {
  const work = SINK_WORK.map((stage) => sink.stages[stage]?.busy ?? 0);
  const threads = [source.rise.mainThreadMs ?? 0, sink.rise.mainThreadMs ?? 0];
  const rest = 1 - Math.max(...work, ...threads);
  return rest > LINK_SHARE ? 1 : Math.max(SHARE_MIN, rest);
}

/** Whether enough is known to judge the link: of one that is so slow that no processor can be the reason, at once. */
export function isTold({ source, sink }: Sides, { wireBytes, linkBusyMs }: IntervalLoad): boolean {
  if (wireBytes < SLOW_LINK_BYTES_PER_MS * linkBusyMs) return sink.lengthMs > 0;
  return source.rise.mainThreadMs !== undefined && sink.rise.mainThreadMs !== undefined;
}
