import type { StartGroupRequest, StartJobRequest } from '../../contract/schemas.ts';
import { parseMebibytes } from './amounts.ts';
import { NOTHING_PICKED, type Picked, topsOf } from './picked.ts';

/** Where files come from that the browser sends. No machine has such a name. */
export const THIS_DEVICE = ':device';

/** What a person chooses for a copy. A place is a machine's name, or `''` for this computer. */
export interface CopyDraft {
  /** A place, or {@link THIS_DEVICE}. */
  readonly from: string;
  readonly sources: readonly string[];
  /** Of this device, what is sent. */
  readonly picked?: Picked;
  readonly to: string;
  /** More machines that get the same. */
  readonly alsoTo: readonly string[];
  readonly destination: string;
  readonly options: CopyOptions;
}

export interface CopyOptions {
  /** MiB per second as typed. */
  readonly limit: string;
  readonly undo: 'auto' | 'require' | 'off';
  readonly onClash: 'fail' | 'skip' | 'rename';
  readonly ignoreTimes: boolean;
  /** Remove at the destination what the source does not have. */
  readonly mirror: boolean;
  readonly background: boolean;
  readonly compress: 'off' | 'auto' | 'archive';
  readonly retries: string;
  readonly window: string;
}

export const DEFAULT_OPTIONS: CopyOptions = {
  limit: '',
  undo: 'auto',
  onClash: 'fail',
  ignoreTimes: false,
  mirror: false,
  background: false,
  compress: 'off',
  retries: '0',
  window: '',
};

export type CopyProblem =
  | 'samePlace'
  | 'toMachine'
  | 'needFiles'
  | 'tooMany'
  | 'sameMachine'
  | 'needPath'
  | 'absoluteSource'
  | 'needDestination'
  | 'absoluteDestination'
  | 'limit'
  | 'retries'
  | 'window';

/** As the daemon takes them: the names that a copy is asked for with, and the files of an upload. */
const TOPS_MAX = 1_000;
const FILES_MAX = 100_000;

const WINDOW = /^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$/;

/** What is not right yet. */
export function problemsOf(draft: CopyDraft): Set<CopyProblem> {
  const { from, to, destination, options } = draft;
  const found = new Set<CopyProblem>();
  const sources = filled(draft.sources);
  if (from === '' && to === '') found.add('samePlace');
  if (from !== '' && targetsOf(draft).includes(from)) found.add('sameMachine');
  if (from === THIS_DEVICE) for (const problem of pickedProblems(draft)) found.add(problem);
  else if (sources.length === 0) found.add('needPath');
  if (from === '' && sources.some((path) => !path.startsWith('/'))) found.add('absoluteSource');
  if (destination.trim() === '') found.add('needDestination');
  else if (to === '' && !destination.startsWith('/')) found.add('absoluteDestination');
  if (Number.isNaN(parseMebibytes(options.limit))) found.add('limit');
  const retries = Number(options.retries);
  if (!Number.isInteger(retries) || retries < 0 || retries > 100) found.add('retries');
  if (options.window.trim() !== '' && !WINDOW.test(options.window.trim())) found.add('window');
  return found;
}

function pickedProblems({ to, picked = NOTHING_PICKED }: CopyDraft): CopyProblem[] {
  const tops = topsOf(picked).length;
  const entries = picked.files.length + picked.folders.length;
  return [
    ...(to === '' ? (['toMachine'] as const) : []),
    ...(tops === 0 ? (['needFiles'] as const) : []),
    ...(tops > TOPS_MAX || entries > FILES_MAX ? (['tooMany'] as const) : []),
  ];
}

/** The machines that it goes to; none where it comes to this computer. */
export function targetsOf({ from, to, alsoTo }: CopyDraft): string[] {
  return to === '' ? [] : [...new Set([to, ...alsoTo.filter((name) => name !== from)])];
}

/**
 * The request of a draft without problems: of one copy, or of a group where several machines get the same. `upload` is
 * what was sent from this device.
 */
export function copyRequestOf(
  draft: CopyDraft,
  upload: string | null = null,
): { one: StartJobRequest } | { group: StartGroupRequest } {
  const { to, options, picked = NOTHING_PICKED } = draft;
  const from = upload === null ? draft.from : '';
  const limit = parseMebibytes(options.limit);
  const window = options.window.trim();
  const retries = Number(options.retries);
  const wish = {
    direction: to === '' ? ('out' as const) : from === '' ? ('in' as const) : ('between' as const),
    sources: upload === null ? filled(draft.sources) : topsOf(picked).map(({ name }) => name),
    ...(upload === null ? {} : { upload }),
    destination: draft.destination.trim(),
    ...(from !== '' && to !== '' ? { fromVm: from } : {}),
    ...(limit === null ? {} : { limitBytesPerSecond: limit }),
    ...(options.undo === 'auto' ? {} : { undo: options.undo }),
    ...(options.onClash === 'fail' ? {} : { onClash: options.onClash }),
    ...(options.ignoreTimes ? { ignoreTimes: true } : {}),
    ...(options.mirror ? { delete: true } : {}),
    ...(options.background ? { trafficClass: 'background' as const } : {}),
    ...compressionOf(options),
    ...(retries === 0 ? {} : { retries }),
    ...(window === '' ? {} : { windows: [window] }),
  };
  const vms = targetsOf(draft);
  if (vms.length > 1) return { group: { ...wish, vms } };
  return { one: { ...wish, vm: vms[0] ?? from } };
}

function compressionOf({ compress }: CopyOptions) {
  if (compress === 'archive') return { profile: compress };
  return compress === 'auto' ? { compress } : {};
}

function filled(paths: readonly string[]): string[] {
  return paths.map((path) => path.trim()).filter((path) => path !== '');
}
