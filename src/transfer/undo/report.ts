import { LIMITS } from '../../base/limits.ts';
import type { CborMap } from '../../wire/cbor.ts';
import { boolean, mapList, text, uint } from '../../wire/fields.ts';
import type { UndoReport } from './undo.ts';

/** A report as it crosses the link. */
export function reportMap({ restored, removed, problems, problemCount }: UndoReport): CborMap {
  return { restored, removed, problems: problems.map((problem) => ({ ...problem })), problemCount };
}

/** The answer of the method `undo`; null where nothing was kept. Throws CW_WIRE_MALFORMED. */
export function reportOf(answer: CborMap): UndoReport | null {
  if (!boolean(answer, 'found')) return null;
  return {
    restored: uint(answer, 'restored'),
    removed: uint(answer, 'removed'),
    problems: mapList(answer, 'problems', LIMITS.problemsListMax.value, (item) => ({
      path: text(item, 'path'),
      code: text(item, 'code'),
      message: text(item, 'message'),
    })),
    problemCount: uint(answer, 'problemCount'),
  };
}
