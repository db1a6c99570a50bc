import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import { formatBytes, formatDuration } from '../../base/units.ts';
import {
  CACHE_MODES,
  type ModeReport,
  type ModesReport,
  type ModeTarget,
} from '../../bench/modes/mode_figures.ts';
import { measureModes } from '../../bench/modes/modes.ts';
import { openBenchPlace } from '../../world/node/bench_machine.ts';
import { createNodeWorld } from '../../world/node/world.ts';
import { parseCacheSize, parseCount, parseSize } from '../option_numbers.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';

const USUAL = { load: '10G', cache: '256M', delayMs: 1 } as const;
const DELAY_MAX_MS = 1_000;
/** The files that are read are a small part of the load; what is written is there twice for a while. */
const ROOM_SHARE = 0.4;

/** `causeway bench cache --modes` */
export const benchModes: Action = async ({ terminal, json }, _args, options) => {
  const { interrupted: signal } = terminal;
  const loadBytes = parseSize(
    String(options['loadSize'] ?? USUAL.load),
    '--load-size',
    LIMITS.benchLoadMinBytes.value,
    LIMITS.benchSizeMaxBytes.value,
  );
  const cacheBytes = parseCacheSize(String(options['cacheSize'] ?? USUAL.cache), '--cache-size');
  const delayMs = parseCount(String(options['delay'] ?? USUAL.delayMs), '--delay', DELAY_MAX_MS, 0);
  const seed = parseCount(String(options['seed'] ?? 1), '--seed', 1_000_000_000);
  const world = createNodeWorld();
  if (world.process.info.platform !== 'linux' || world.process.info.userId !== 0)
    throw new CausewayError(
      'CW_UNSUPPORTED',
      'mounts of machines are measured as root, on Linux: run it with sudo',
    );
  const dir = options['dir'] === undefined ? null : resolveAbsolute(terminal.cwd, String(options['dir']));
  const place = openBenchPlace(dir, ROOM_SHARE * loadBytes + 2 * cacheBytes, signal);
  try {
    const progress = (text: string) => json || terminal.err(`${text}\n`);
    const work = { loadBytes, cacheBytes, delayMs, seed };
    const run = { world, place, modes: CACHE_MODES, work, signal };
    const report = await measureModes({ ...run, progress });
    terminal.out(json ? `${JSON.stringify(report)}\n` : `${modesText(report)}\n`);
    return report.modes.some(({ reason }) => reason !== null) ? 3 : 0;
  } finally {
    place.remove();
  }
};

const HEAD = [
  'MODE',
  'TOOK',
  'MIB/S',
  'IOPS',
  'HIT RATE',
  'READ',
  'P99',
  'WRITE',
  'P99',
  'UNTIL CLEAN',
  'CRASH: ACKNOWLEDGED',
  'THERE AT ONCE',
  'LOST',
];

/** For people. */
export function modesText(report: ModesReport): string {
  const { work, fileSystem, modes, targets } = report;
  const { loadBytes, cacheBytes, delayMs, seed } = work;
  return [
    `a mixed load of ${formatBytes(loadBytes)}, a cache of ${formatBytes(cacheBytes)}, ${delayMs} ms each way added to the link, seed ${seed}; ${fileSystem}`,
    'IOPS: files read or written in whole, a second. hit rate: of the bytes that were read, those that did not come over the link.',
    'crash: files that were written and closed before the process with the mount was killed; on the machine right after; not there after a restart either',
    '',
    table([HEAD, ...modes.map(rowOf)]),
    ...modes.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: ${reason}`])),
    '',
    ...targets.map(targetText),
  ].join('\n');
}

function rowOf({ name, figures }: ModeReport): string[] {
  if (figures === null) return [name, 'failed'];
  const { elapsedMs, reads, writes, drainMs, crash } = figures;
  const seconds = elapsedMs / 1_000;
  return [
    name,
    formatDuration(elapsedMs),
    ((reads.bytes + writes.bytes) / seconds / 2 ** 20).toFixed(1),
    ((reads.count + writes.count) / seconds).toFixed(0),
    `${(100 * figures.hitRate).toFixed(1)} %`,
    ...[reads.meanUs, reads.p99Us, writes.meanUs, writes.p99Us].map((us) => `${(us / 1_000).toFixed(2)} ms`),
    drainMs === 0 ? '-' : formatDuration(drainMs),
    String(crash.acknowledged),
    String(crash.atOnce),
    String(crash.lost),
  ];
}

function targetText({ what, atLeast, is, isMet }: ModeTarget): string {
  if (is === null) return `${what}: not measured`;
  return `${what}: ${is.toFixed(2)} (wanted: ${atLeast}) ${isMet ? 'reached' : 'missed'}`;
}
