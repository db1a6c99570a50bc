import type { JobView } from '../contract/schemas.ts';
import type { CopyView } from '../transfer/copy_progress.ts';
import type { Side } from '../transfer/explain/evidence.ts';
import type { StageFigure } from '../wire/copy_types.ts';

type StageView = JobView['stages'][number];

/** The figures of both sides, with those that earlier runs of the job had. */
export function stageViews(
  view: CopyView | null,
  localSide: Side,
  earlier: readonly StageView[],
): StageView[] {
  if (view === null) return [...earlier];
  return [
    ...sideViews(localSide, view.localStages, earlier),
    ...sideViews('guest', view.remoteStages, earlier),
  ];
}

function sideViews(side: Side, figures: readonly StageFigure[], earlier: readonly StageView[]): StageView[] {
  const before = earlier.filter((stage) => stage.side === side);
  const begun = figures.map((figure) =>
    summed(
      side,
      figure,
      before.find(({ stage }) => stage === figure.stage),
    ),
  );
  return [...before.filter(({ stage }) => !figures.some((figure) => figure.stage === stage)), ...begun];
}

function summed(side: Side, figure: StageFigure, before: StageView | undefined): StageView {
  const bytes = figure.bytes + (before?.bytes ?? 0);
  const busyMs = figure.busyMs + (before?.busyMs ?? 0);
  return {
    side,
    stage: figure.stage,
    bytes,
    busyMs,
    starvedMs: figure.starvedMs + (before?.starvedMs ?? 0),
    blockedMs: figure.blockedMs + (before?.blockedMs ?? 0),
    rateBytesPerSecond: busyMs > 0 ? (bytes / busyMs) * 1000 : null,
  };
}
