import type { ErrorBody } from '../contract/part_schemas.ts';
import type { UndoView } from '../contract/schemas.ts';
import type { UndoReport } from '../transfer/undo/undo.ts';
import type { UndoFigures } from '../wire/copy_types.ts';

const NOTHING_DONE = { restored: 0, removed: 0, problems: [], problemCount: 0, error: null } as const;

/** What a copy has kept so far. */
export function keptView(figures: UndoFigures): UndoView {
  return { state: 'kept', ...figures, ...NOTHING_DONE, problems: [] };
}

/** An undo that was asked for. Nobody may know yet whether anything is kept. */
export function runningView(before: UndoView | null): UndoView {
  const figures = before ?? {
    kept: 0,
    bytes: 0,
    made: 0,
    changed: 0,
    missing: 0,
    missingFrom: null,
    untilMs: 0,
  };
  return { ...figures, ...NOTHING_DONE, problems: [], state: 'running' };
}

/** An undo that has ended: with a report, or with an error. */
export function undoneView(before: UndoView, end: UndoReport | ErrorBody): UndoView {
  if ('code' in end) return { ...before, state: 'failed', error: end };
  const { restored, removed, problems, problemCount } = end;
  const state = problemCount === 0 ? 'done' : 'partial';
  return { ...before, state, restored, removed, problems: [...problems], problemCount, error: null };
}
