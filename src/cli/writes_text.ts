import { formatBytes, formatDuration } from '../base/units.ts';
import type { WritesView } from '../contract/cache_schemas.ts';

export const WRITES_HEAD = [
  'MOUNTED AT',
  'POLICY',
  'WRITEBACK',
  'DIRECT',
  'NO-FLUSH',
  'MAY WAIT',
  'FOR',
  'SENT EVERY',
  'BATCH',
  'FROM',
  'TO',
  'LARGE FROM',
  'IN ORDER UP TO',
];

const WRITEBACK = { no: 'no', 'until-close': 'until close', yes: 'yes' } as const;
const NONE = '-';

/** What becomes of writes in a mount, one row below {@link WRITES_HEAD}. */
export function writesRow(place: string, writes: WritesView): string[] {
  const { policy, writeback, direct, noFlush, journal } = writes;
  const bits = [WRITEBACK[writeback], direct ? 'yes' : 'no', noFlush ? 'yes' : 'no'];
  if (journal === null) return [place, policy, ...bits, ...Array.from({ length: 8 }, () => NONE)];
  const { dirtyMaxBytes, ageMs, intervalMs, batch, startPercent, stopPercent, splitBytes, cutoffBytes } =
    journal;
  return [
    place,
    policy,
    ...bits,
    formatBytes(dirtyMaxBytes),
    formatDuration(ageMs),
    intervalMs === 0 ? 'at once' : formatDuration(intervalMs),
    String(batch),
    `${startPercent} %`,
    `${stopPercent} %`,
    policy === 'split' ? formatBytes(splitBytes) : NONE,
    cutoffBytes === 0 ? NONE : formatBytes(cutoffBytes),
  ];
}
