/** The speed and memory targets, all in one place. */
import type { Series } from './statistics.ts';
import { median, speedRatios } from './statistics.ts';

export interface SpeedTarget {
  readonly what: string;
  readonly caseName: string;
  readonly ours: string;
  /** The fastest of these in each round is the rival. */
  readonly rivals: readonly string[];
  /** Times as fast as the rival. */
  readonly atLeast: number;
  readonly goal?: number;
  /** `now` binds this version; `later` is on the way and listed as such. */
  readonly due: 'now' | 'later';
}

const SSH_FILE = ['scp', 'scp-gcm', 'rsync-ssh'];

export const SPEED_TARGETS: readonly SpeedTarget[] = [
  {
    what: '1 GiB random file, TLS on',
    caseName: 'file-1g-random',
    ours: 'ours-tls',
    rivals: SSH_FILE,
    atLeast: 1.2,
    due: 'now',
  },
  {
    what: '1 GiB text file, TLS on',
    caseName: 'file-1g-text',
    ours: 'ours-tls',
    rivals: SSH_FILE,
    atLeast: 1.2,
    due: 'now',
  },
  {
    what: '4 GiB random file, TLS on',
    caseName: 'file-4g-random',
    ours: 'ours-tls',
    rivals: [...SSH_FILE, 'rclone-sftp'],
    atLeast: 1.5,
    goal: 2.5,
    due: 'later',
  },
  {
    what: '4 GiB random file, Unix socket, TLS off',
    caseName: 'file-4g-random',
    ours: 'ours-plain',
    rivals: ['rsync-daemon'],
    atLeast: 1.0,
    goal: 1.3,
    due: 'later',
  },
  {
    what: '50,000 files, TLS on',
    caseName: 'tree-50k',
    ours: 'ours-tls',
    rivals: ['rsync-ssh', 'tar-ssh', 'rclone-sftp'],
    atLeast: 1.3,
    goal: 2,
    due: 'later',
  },
  {
    what: '50,000 files, both plain, ours flushed',
    caseName: 'tree-50k',
    ours: 'ours-plain',
    rivals: ['rsync-daemon'],
    atLeast: 1.0,
    goal: 1.2,
    due: 'later',
  },
];

/** Largest resident memory of each of our processes, in MiB. */
export const MEMORY_TARGET = { atMostMiB: 300, goalMiB: 150 };

/** Targets that this benchmark has no case for yet. */
export const UNMEASURED_TARGETS: ReadonlyArray<{ readonly what: string; readonly target: string }> = [
  { what: 'no-change repeat of the 50,000 files, against rsync daemon', target: '>= 1.0 x (goal 2 x)' },
  {
    what: '4 GiB image with 1 % of its 64 KiB blocks changed, against rsync daemon --no-whole-file',
    target: '>= 2 x (goal 5 x)',
  },
  { what: 'bytes on the wire for that, against the changed bytes', target: '<= 1.10 x (goal 1.03 x)' },
  {
    what: 'restart of a copy killed at 99 %: time to first new byte, bytes sent again',
    target: '<= 2 s, <= 64 MiB (goal 0.5 s, 16 MiB)',
  },
  {
    what: 'causeway --help; cp of a 1 KiB file to a paired machine',
    target: '<= 200 ms, <= 400 ms (goal 100 ms, 150 ms)',
  },
];

export interface Verdict {
  readonly what: string;
  readonly target: string;
  readonly due: 'now' | 'later';
  readonly measured: string;
  readonly verdict: 'met' | 'short' | 'not measured';
}

/** What a verdict needs to know of one case: per peer, seconds by round and peak KiB by process. */
export interface CaseFigures {
  readonly seconds: Readonly<Record<string, Series>>;
  readonly peakKiB: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

function speedVerdict(target: SpeedTarget, figures: CaseFigures | undefined): Verdict {
  const goal = target.goal === undefined ? '' : ` (goal ${target.goal} x)`;
  const about = {
    what: `${target.what}, against ${target.rivals.length > 1 ? 'the best of ' : ''}${target.rivals.join(', ')}`,
    target: `>= ${target.atLeast.toFixed(1)} x${goal}`,
    due: target.due,
  };
  const ours = figures?.seconds[target.ours];
  const rivals = target.rivals.map((name) => figures?.seconds[name]);
  const absent = target.rivals.filter((_, i) => rivals[i] === undefined);
  const missing = (reason: string): Verdict => ({ ...about, measured: reason, verdict: 'not measured' });
  if (figures === undefined) return missing('case not run');
  if (ours === undefined) return missing(`${target.ours} not run`);
  if (absent.length > 0) return missing(`${absent.join(', ')} not run`);
  const ratios = speedRatios(ours, rivals as Series[]);
  if (ratios.length === 0) return missing('no complete round');
  const ratio = median(ratios);
  return { ...about, measured: `${ratio.toFixed(2)} x`, verdict: ratio >= target.atLeast ? 'met' : 'short' };
}

function memoryVerdict(cases: ReadonlyMap<string, CaseFigures>): Verdict {
  let worst = { label: '', kib: 0 };
  for (const [caseName, figures] of cases) {
    for (const [peer, peaks] of Object.entries(figures.peakKiB)) {
      if (!peer.startsWith('ours-')) continue;
      for (const [label, kib] of Object.entries(peaks)) {
        if (kib > worst.kib) worst = { label: `${peer} ${label}, ${caseName}`, kib };
      }
    }
  }
  const about = {
    what: 'peak memory of each of our processes, any size',
    target: `<= ${MEMORY_TARGET.atMostMiB} MiB (goal ${MEMORY_TARGET.goalMiB} MiB)`,
    due: 'now' as const,
  };
  if (worst.kib === 0) return { ...about, measured: 'ours not run', verdict: 'not measured' };
  const mib = worst.kib / 1024;
  const verdict = mib <= MEMORY_TARGET.atMostMiB ? 'met' : 'short';
  return { ...about, measured: `${mib.toFixed(0)} MiB (${worst.label})`, verdict };
}

/** One verdict per target, the binding ones first. */
export function verdicts(cases: ReadonlyMap<string, CaseFigures>): Verdict[] {
  const speed = SPEED_TARGETS.map((target) => speedVerdict(target, cases.get(target.caseName)));
  const unmeasured = UNMEASURED_TARGETS.map(
    ({ what, target }): Verdict => ({
      what,
      target,
      due: 'later',
      measured: 'no case',
      verdict: 'not measured',
    }),
  );
  const all = [memoryVerdict(cases), ...speed, ...unmeasured];
  return [...all.filter((v) => v.due === 'now'), ...all.filter((v) => v.due === 'later')];
}
