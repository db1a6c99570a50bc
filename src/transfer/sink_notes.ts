import { LIMITS } from '../base/limits.ts';
import type { Problem, SinkMessage } from '../wire/copy_types.ts';
import { boundedProblems } from './bounded_problems.ts';
import { CODINGS } from './compress/message_expander.ts';

/** What the record said before the damage is used, once its hashes hold; what it said after it is sent again. */
export function journalNote(damage: string): string {
  return `the record of an earlier attempt was damaged: ${damage}; what it no longer tells is sent again (CW_COPY_JOURNAL)`;
}

export function copiedNote(count: number): string {
  return `the destination has no hard links: ${count} further names of files became files of their own`;
}

export function noReferenceNote(path: string): string {
  return `there is no folder ${path} to link to: all was copied`;
}

/** The sink is ready; `notes` tell what was found amiss and repaired. */
export function readyMessage(
  freeBytes: number,
  recoveredBytes: number,
  notes: readonly string[],
): SinkMessage {
  return { t: 'ready', freeBytes, recoveredBytes, notes: [...notes], codings: CODINGS, direct: true };
}

/** Everything is in place; `notes` are those that came after the sink was ready. */
export function completeMessage(problems: readonly Problem[], notes: readonly string[]): SinkMessage {
  return {
    t: 'complete',
    problems: boundedProblems(problems),
    notes: notes.slice(0, LIMITS.notesMax.value),
  };
}
