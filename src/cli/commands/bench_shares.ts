import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import type { ShareWork } from '../../bench/figures.ts';
import { SHARE_PEERS } from '../../bench/peers/all.ts';
import type { SharesReport } from '../../bench/results.ts';
import { absence, type SharePeer } from '../../bench/share_peer.ts';
import { measureShares } from '../../bench/shares.ts';
import { benchMachine, openBenchPlace } from '../../world/node/bench_machine.ts';
import { createNodeWorld } from '../../world/node/world.ts';
import { reportText } from '../bench_text.ts';
import { parseCount, parseSize } from '../option_numbers.ts';
import type { Action, Context } from '../program.ts';
import { table } from '../terminal.ts';

const SMALL_BYTES = 4 * 1024;
const RANDOM_MAX_BYTES = 256 * 1024 ** 2;
const USUAL = { size: '1G', files: 10_000, connections: 100, reads: 10_000, rounds: 3 } as const;
const QUICK = { size: '64M', files: 500, connections: 20, reads: 1_000, rounds: 1 } as const;

type Options = Readonly<Record<string, unknown>>;

/** `causeway bench shares` */
export const benchShares: Action = async (context, _args, options) => {
  const peers = chosen(options['only'] as readonly string[] | undefined);
  const isRoot = createNodeWorld().process.info.userId === 0;
  if (options['list'] === true) return list(context, peers, isRoot);
  const work = workOf(options);
  const { terminal, json } = context;
  const { interrupted: signal } = terminal;
  const dir = options['dir'] === undefined ? null : resolveAbsolute(terminal.cwd, String(options['dir']));
  const place = openBenchPlace(dir, neededBytes(work), signal);
  const isKept = options['keep'] === true;
  try {
    const report = await measure(context, { place, peers, work, isRoot, signal });
    terminal.out(json ? `${JSON.stringify(report)}\n` : `${reportText(report)}\n`);
    if (isKept) terminal.err(`the files are in ${place.folder}\n`);
    return exitCodeOf(report);
  } finally {
    if (!isKept || signal.aborted) place.remove();
  }
};

function measure(
  { terminal, json }: Context,
  run: Pick<Parameters<typeof measureShares>[0], 'place' | 'peers' | 'work' | 'isRoot' | 'signal'>,
): Promise<SharesReport> {
  const { clock, process } = createNodeWorld();
  const { platform, cpuCount: processors, memoryBytes } = process.info;
  return measureShares({
    ...run,
    machine: { platform, processors, memoryBytes },
    nowMs: () => clock.monotonicMs(),
    progress: (text) => json || terminal.err(`${text}\n`),
  });
}

/** 3 where a way of sharing that is installed could not be measured. A target that is missed is a result, no failure. */
function exitCodeOf({ shares }: SharesReport): number {
  const failed = shares.filter(({ reason }) => reason?.startsWith('failed: ') === true);
  if (failed.length === 0) return 0;
  return failed.length === shares.length ? 1 : 3;
}

/** Two large files, small ones, and what is written. */
function neededBytes({ sizeBytes, randomSizeBytes, files, smallBytes }: ShareWork): number {
  const margin = 192 * 1024 ** 2; // what warms servers up, keys, logs
  return 2 * sizeBytes + randomSizeBytes + 2 * files * smallBytes + margin;
}

function workOf(options: Options): ShareWork {
  const usual = options['quick'] === true ? QUICK : USUAL;
  const { benchSizeMinBytes, benchSizeMaxBytes } = LIMITS;
  const size = String(options['size'] ?? usual.size);
  const sizeBytes = parseSize(size, '--size', benchSizeMinBytes.value, benchSizeMaxBytes.value);
  const count = (name: 'files' | 'connections' | 'reads' | 'rounds', max: number) =>
    parseCount(String(options[name] ?? usual[name]), `--${name}`, max);
  return {
    sizeBytes,
    randomSizeBytes: Math.min(sizeBytes, RANDOM_MAX_BYTES),
    smallBytes: SMALL_BYTES,
    files: count('files', LIMITS.benchFilesMax.value),
    connections: count('connections', LIMITS.benchConnectionsMax.value),
    reads: count('reads', LIMITS.benchReadsMax.value),
    rounds: count('rounds', LIMITS.benchRoundsMax.value),
  };
}

function chosen(only: readonly string[] | undefined): readonly SharePeer[] {
  if (only === undefined) return SHARE_PEERS;
  const names = only.flatMap((text) => text.split(',')).map((name) => name.trim());
  const known = SHARE_PEERS.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new CausewayError('CW_USAGE', `--only ${unknown}: one of ${known.join(', ')} is needed`);
  return SHARE_PEERS.filter(({ name }) => names.includes(name));
}

function list({ terminal, json }: Context, peers: readonly SharePeer[], isRoot: boolean): number {
  const machine = benchMachine();
  const rows = peers.map((peer) => ({
    name: peer.name,
    what: peer.what,
    missing: absence(peer, machine, isRoot),
  }));
  if (json) terminal.out(`${JSON.stringify({ shares: rows })}\n`);
  else
    terminal.out(
      `${table([['NAME', 'WHAT', 'HERE'], ...rows.map((row) => [row.name, row.what, row.missing ?? 'yes'])])}\n`,
    );
  return 0;
}
