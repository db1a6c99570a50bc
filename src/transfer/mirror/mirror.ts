import { asCausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { RelPath } from '../../base/path.ts';
import type { Problem } from '../../wire/copy_types.ts';
import type { Placed } from '../sink_plan.ts';
import { type DeletingParts, deleteExtraneous } from './delete_extraneous.ts';
import { extraneousEntries, type MirroredParts } from './extraneous.ts';

export interface MirrorParts extends DeletingParts, Omit<MirroredParts, 'passedOver'> {
  /** How many entries the plan has. */
  readonly entries: number;
  /** What the source could not plan. */
  readonly missed: readonly Problem[];
  readonly targetOf: (planPath: string) => RelPath;
}

/**
 * Makes the folders of a copy hold what the source has and nothing else; says what was done, null where there was nothing to do. Where the source could not
 * be read in whole, or has nothing at all, nothing is deleted: what is not seen may be there.
 */
export async function mirror(plan: Iterable<Placed>, parts: MirrorParts): Promise<string | null> {
  const doubt = doubtOf(parts);
  if (doubt !== null) {
    parts.onProblem({ path: '', code: 'CW_COPY_NOT_DELETED', message: `nothing was deleted: ${doubt}` });
    return null;
  }
  const passedOver = parts.missed.flatMap(({ path }) => targetOrNone(path, parts.targetOf));
  const deleted = await deleteExtraneous(extraneousEntries(plan, { ...parts, passedOver }), parts);
  if (deleted === 0) return null;
  const kept = parts.undo === null ? '' : '; they are kept for undo';
  return `${deleted} ${deleted === 1 ? 'entry' : 'entries'} that the source does not have deleted${kept}`;
}

/** Why what the plan does not have may be at the source all the same. */
function doubtOf({ entries, missed, top }: MirrorParts): string | null {
  const unread = missed.find(({ code }) => code !== 'CW_UNSUPPORTED');
  if (unread !== undefined) return `not all of the source could be read (${unread.path}: ${unread.message})`;
  if (missed.length >= LIMITS.problemsListMax.value) return 'too many entries of the source are not copied';
  if (entries <= (top === null ? 1 : 0))
    return 'the source is empty, as a folder is whose disk is not mounted';
  return null;
}

/** A name that has no place at the destination is in nobody's way there. */
function targetOrNone(path: string, targetOf: (planPath: string) => RelPath): RelPath[] {
  try {
    return [targetOf(path)];
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_INTERNAL') throw failure;
    return [];
  }
}
