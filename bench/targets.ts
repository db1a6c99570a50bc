/** The speed and memory targets, all in one place. */

import type { ProbeRecords } from './probes.ts';
import type { Series } from './statistics.ts';
import { median, speedRatios, valid } from './statistics.ts';

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
    due: 'now',
  },
  {
    what: '4 GiB random file, Unix socket, TLS off',
    caseName: 'file-4g-random',
    ours: 'ours-plain',
    rivals: ['rsync-daemon'],
    atLeast: 1.0,
    goal: 1.3,
    due: 'now',
  },
  {
    what: '50,000 files, TLS on',
    caseName: 'tree-50k',
    ours: 'ours-tls',
    rivals: ['rsync-ssh', 'tar-ssh', 'rclone-sftp'],
    atLeast: 1.3,
    goal: 2,
    due: 'now',
  },
  {
    what: '50,000 files, both plain, ours flushed',
    caseName: 'tree-50k',
    ours: 'ours-plain',
    rivals: ['rsync-daemon'],
    atLeast: 1.0,
    goal: 1.2,
    due: 'now',
  },
  {
    what: 'no-change repeat of the 50,000 files, ours plain',
    caseName: 'tree-50k-repeat',
    ours: 'ours-plain',
    rivals: ['rsync-daemon'],
    atLeast: 1.0,
    goal: 2,
    due: 'now',
  },
  {
    what: 'no-change repeat of the 50,000 files, ours with TLS',
    caseName: 'tree-50k-repeat',
    ours: 'ours-tls',
    rivals: ['rsync-daemon'],
    atLeast: 1.0,
    goal: 2,
    due: 'now',
  },
  {
    what: '4 GiB image with 1 % of its 64 KiB blocks changed, ours with TLS, rsync daemon --no-whole-file',
    caseName: 'delta-4g-blocks',
    ours: 'ours-tls',
    rivals: ['rsync-daemon'],
    atLeast: 2,
    goal: 5,
    due: 'now',
  },
];

/** Largest resident memory of each of our processes, in MiB. */
export const MEMORY_TARGET = { atMostMiB: 300, goalMiB: 150 };

/** A target that one figure meets or not. */
export interface FigureTarget {
  readonly what: string;
  readonly unit: string;
  readonly digits: number;
  readonly atMost: number;
  readonly goal: number;
  /** The figure, or why there is none. */
  readonly read: (cases: ReadonlyMap<string, CaseFigures>, probes: ProbeRecords) => number | string;
}

function caseSeconds(caseName: string, peer: string) {
  return (cases: ReadonlyMap<string, CaseFigures>): number | string => {
    const seconds = valid(cases.get(caseName)?.seconds[peer] ?? []);
    return seconds.length === 0 ? `${caseName} not run` : median(seconds) * 1000;
  };
}

function wireOverChanged(caseName: string, peer: string) {
  return (cases: ReadonlyMap<string, CaseFigures>): number | string => {
    const figures = cases.get(caseName);
    const bytes = valid(figures?.wireBytes?.[peer] ?? []);
    return bytes.length === 0 ? `${caseName} not run` : median(bytes) / (figures?.changedBytes ?? Number.NaN);
  };
}

function probed(probe: string, figure: string, divisor = 1) {
  return (_: unknown, probes: ProbeRecords): number | string => {
    const values = probes[probe]?.figures[figure]?.values ?? [];
    return values.length === 0 ? `${probe} not run` : median(values) / divisor;
  };
}

export const FIGURE_TARGETS: readonly FigureTarget[] = [
  {
    what: 'bytes on the wire of the 4 GiB image with 1 % changed, all headers included, over the changed bytes',
    unit: 'x',
    digits: 3,
    atMost: 1.1,
    goal: 1.03,
    read: wireOverChanged('delta-4g-blocks', 'ours-tls'),
  },
  {
    what: 'bytes on the wire of a 1 GiB random file, all headers included, over its size',
    unit: 'x',
    digits: 4,
    atMost: 1.01,
    goal: 1.005,
    read: wireOverChanged('file-1g-random', 'ours-tls'),
  },
  {
    what: 'restart of a copy killed at 99 %: time to the first new byte',
    unit: 's',
    digits: 2,
    atMost: 2,
    goal: 0.5,
    read: probed('restart-99', 'until the first new byte, s'),
  },
  {
    what: 'restart of a copy killed at 99 %: bytes sent again',
    unit: 'MiB',
    digits: 0,
    atMost: 64,
    goal: 16,
    read: probed('restart-99', 'sent again, MiB'),
  },
  {
    what: 'causeway --help',
    unit: 'ms',
    digits: 0,
    atMost: 200,
    goal: 100,
    read: caseSeconds('help', 'ours-tls'),
  },
  {
    what: 'cp of a 1 KiB file to a paired machine',
    unit: 'ms',
    digits: 0,
    atMost: 400,
    goal: 150,
    read: caseSeconds('file-1k', 'ours-tls'),
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
  /** Absent in older records. */
  readonly wireBytes?: Readonly<Record<string, Series>>;
  readonly changedBytes?: number;
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

function figureVerdict(
  target: FigureTarget,
  cases: ReadonlyMap<string, CaseFigures>,
  probes: ProbeRecords,
): Verdict {
  const { what, unit, digits, atMost, goal } = target;
  const about = { what, target: `<= ${atMost} ${unit} (goal ${goal} ${unit})`, due: 'now' as const };
  const value = target.read(cases, probes);
  if (typeof value === 'string') return { ...about, measured: value, verdict: 'not measured' };
  const verdict = value <= atMost ? 'met' : 'short';
  return { ...about, measured: `${value.toFixed(digits)} ${unit}`, verdict };
}

/** One verdict per target, the binding ones first. */
export function verdicts(cases: ReadonlyMap<string, CaseFigures>, probes: ProbeRecords = {}): Verdict[] {
  const speed = SPEED_TARGETS.map((target) => speedVerdict(target, cases.get(target.caseName)));
  const figures = FIGURE_TARGETS.map((target) => figureVerdict(target, cases, probes));
  const all = [memoryVerdict(cases), ...speed, ...figures];
  return [...all.filter((v) => v.due === 'now'), ...all.filter((v) => v.due === 'later')];
}
