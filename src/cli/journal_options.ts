import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { PartialJournalSettings } from '../contract/cache_schemas.ts';
import { parseCount, parseSize } from './option_numbers.ts';

const PERCENT_MAX = 100;
const MS_PER_S = 1_000;

/** Options of commands that say when a journal is sent on, and what waits in it: flags and their text. */
export const JOURNAL_OPTIONS = [
  [
    '--split-size <size>',
    'with the policy split: files of that size and more go to the machine at once (usual: 256 MiB)',
  ],
  [
    '--sequential-cutoff <size>',
    'what is written in order goes past the journal after so much, and what is read in order is not kept on the disk then, for example 4M; 0: all waits and is kept (usual)',
  ],
  ['--flush-age <seconds>', 'longest that anything waits (usual: 30)'],
  [
    '--flush-interval <seconds>',
    'shortest time between two times at which what is due is sent on (usual: 0)',
  ],
  ['--flush-batch <n>', 'changes that are sent on before that is noted, 1 to 64 (usual: 64)'],
  [
    '--watermarks <start,stop>',
    'percent of what may wait at which sending on begins whatever its age, and ends (usual: 50,45)',
  ],
] as const;

/** What of a journal's settings was said; empty where nothing was. CW_USAGE. */
export function journalOf(options: Readonly<Record<string, unknown>>): PartialJournalSettings {
  const sizeMax = LIMITS.cacheSizeMaxBytes.value;
  const size = (name: string, option: string) => parseSize(String(options[name]), option, 0, sizeMax);
  const seconds = (name: string, option: string) =>
    parseCount(String(options[name]), option, LIMITS.writeBackAgeMaxMs.value / MS_PER_S, 0) * MS_PER_S;
  const has = (name: string) => options[name] !== undefined;
  return {
    ...(has('splitSize') && { splitBytes: size('splitSize', '--split-size') }),
    ...(has('sequentialCutoff') && { cutoffBytes: size('sequentialCutoff', '--sequential-cutoff') }),
    ...(has('flushAge') && { ageMs: seconds('flushAge', '--flush-age') }),
    ...(has('flushInterval') && { intervalMs: seconds('flushInterval', '--flush-interval') }),
    ...(has('flushBatch') && {
      batch: parseCount(String(options['flushBatch']), '--flush-batch', LIMITS.writeBackWaveMax.value),
    }),
    ...(has('watermarks') && watermarksOf(String(options['watermarks']))),
  };
}

function watermarksOf(text: string): Pick<PartialJournalSettings, 'startPercent' | 'stopPercent'> {
  const [start, stop, ...more] = text.split(',');
  if (start === undefined || stop === undefined || more.length > 0)
    throw new CausewayError('CW_USAGE', `--watermarks ${text}: two numbers are needed, for example 50,45`);
  return {
    startPercent: parseCount(start, '--watermarks', PERCENT_MAX),
    stopPercent: parseCount(stop, '--watermarks', PERCENT_MAX, 0),
  };
}
