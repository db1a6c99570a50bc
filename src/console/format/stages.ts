import type { JobView } from '../../contract/schemas.ts';

type StageView = JobView['stages'][number];

/** One step of a copy with its parts of the whole time, 0 to 1. */
export interface StageShare {
  readonly view: StageView;
  readonly busy: number;
  readonly starved: number;
  readonly blocked: number;
  /** It takes longest: what a faster copy would have to speed up. */
  readonly limits: boolean;
}

/** Where the bytes come from. */
const SOURCE_SIDES = { in: 'host', out: 'guest', between: 'source' } as const;

/** The steps in the order in which bytes pass them, the source's side first. */
export function stageShares(job: JobView): StageShare[] {
  const wholeMs = Math.max(job.elapsedMs, ...job.stages.map(accountedMs), 1);
  const source = SOURCE_SIDES[job.direction];
  const inOrder = job.stages.toSorted((a, b) => Number(b.side === source) - Number(a.side === source));
  const limit = job.limitingStage;
  return inOrder.map((view) => ({
    view,
    busy: view.busyMs / wholeMs,
    starved: (view.starvedMs ?? 0) / wholeMs,
    blocked: (view.blockedMs ?? 0) / wholeMs,
    limits: limit !== null && limit.side === view.side && limit.stage === view.stage,
  }));
}

function accountedMs({ busyMs, starvedMs = 0, blockedMs = 0 }: StageView): number {
  return busyMs + starvedMs + blockedMs;
}
