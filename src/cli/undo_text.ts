import { ERROR_CODES, isErrorCode } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import { formatUtcMinute } from '../base/utc.ts';
import type { JobView, UndoView } from '../contract/schemas.ts';

/** What undo holds of a copy, or did with it. */
export function undoText({ id, vm, undo }: JobView): string {
  if (undo === null) return 'nothing is kept';
  switch (undo.state) {
    case 'kept':
      return `${heldText(undo)}, until ${formatUtcMinute(undo.untilMs)}: causeway jobs undo ${id}`;
    case 'running':
      return `being undone${undo.error === null ? '' : `, as soon as ${vm} answers: ${undo.error.message}`}`;
    case 'done':
      return `undone: ${doneText(undo)}`;
    case 'partial':
      return `undone but for ${undo.problemCount}: ${doneText(undo)}; left as they are:\n${problemsText(undo)}`;
    case 'failed':
      return `not undone: ${undo.error?.message}\n  ${undo.error?.help}\n  (${undo.error?.code})`;
  }
}

/** 0 where everything is as it was, 3 where entries were left, else what the error means. */
export function exitOfUndo({ undo }: JobView): number {
  if (undo?.state === 'partial') return 3;
  if (undo?.state !== 'failed') return 0;
  const code = undo.error?.code ?? '';
  return isErrorCode(code) ? ERROR_CODES[code].exit : 1;
}

function heldText({ kept, bytes, made, changed, missing, missingFrom }: UndoView): string {
  const parts = [`${kept} replaced (${formatBytes(bytes)} kept)`, `${made} new`];
  if (changed > 0) parts.push(`${changed} with other attributes`);
  if (missing > 0) parts.push(`${missing} that cannot be undone, from ${missingFrom} on`);
  return parts.join(', ');
}

function doneText({ restored, removed }: UndoView): string {
  return `${restored} as before, ${removed} removed`;
}

function problemsText({ problems }: UndoView): string {
  return problems.map(({ path, code, message }) => `  ${path}: ${message} (${code})`).join('\n');
}
