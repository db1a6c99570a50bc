/** Interleaved rounds over one case. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, type PreparedSource, prepareSource } from './cases.ts';
import { type Cost, measure } from './measure.ts';
import type { Peer } from './peer.ts';
import { layPrior, removeLeftover } from './prior.ts';
import { twoToOneRatio } from './probe.ts';
import { rotated } from './statistics.ts';
import { checkContent, checkExtent, sha256OfFile } from './verify.ts';
import type { Workplace } from './workplace.ts';

export interface PeerRuns {
  readonly peer: Peer;
  /** By round; null where the run failed. */
  readonly costs: (Cost | null)[];
  readonly failures: string[];
}

export interface CaseRuns {
  readonly source: PreparedSource;
  readonly peers: readonly PeerRuns[];
  /** Two-processes-to-one ratio of the machine before each round, and after the last. */
  readonly twoToOne: number[];
}

export interface CaseContext {
  readonly which: Case;
  readonly place: Workplace;
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

function emptyDestination(place: Workplace): void {
  rmSync(place.destination, { recursive: true, force: true });
  mkdirSync(place.destination);
}

interface OneRun {
  readonly context: CaseContext;
  readonly source: PreparedSource;
  readonly digest: string;
  /** Compare every byte, not only count and sizes. */
  readonly full: boolean;
}

/** Flushes before the time begins: dirty pages of the run before would be written back inside it. */
async function runOnce(peer: Peer, { context, source, digest, full }: OneRun): Promise<Cost> {
  const { which, place } = context;
  emptyDestination(place);
  const { prior, kind } = which;
  const { destination, network } = place;
  if (prior) layPrior(prior, source.path, destination);
  if (prior && kind === 'file') copyPrior(peer, place);
  execFileSync('sync', ['-f', destination]);
  const command = peer.command({ kind, source: source.path, destination, ...(prior && { prior }) });
  const cost = await measure(command, peer.servers(), context.signal, () => network.wireBytes());
  if (kind === 'usage') return cost;
  removeLeftover(prior, destination);
  checkExtent(source, destination);
  if (full) await checkContent(which.kind, source, place.destination, digest);
  return cost;
}

/**
 * Has the peer itself put there what stands at the destination: one that remembers what it has copied can do so, as in a
 * copy that is made again and again.
 */
function copyPrior(peer: Peer, { data, destination }: Workplace): void {
  const earlier = join(data, 'earlier');
  rmSync(earlier, { recursive: true, force: true });
  renameSync(destination, earlier);
  mkdirSync(destination);
  for (const name of readdirSync(earlier)) {
    const { argv, env } = peer.command({ kind: 'file', source: join(earlier, name), destination });
    const [program = '', ...args] = argv;
    execFileSync(program, args, { env, stdio: 'ignore' });
  }
  rmSync(earlier, { recursive: true, force: true });
}

function said(peer: Peer, cost: Cost): string {
  const peak = Math.max(0, ...Object.values(cost.peakKiB)) / 1024;
  const figures = `${cost.seconds.toFixed(2)} s, CPU ${cost.cpuSeconds.toFixed(2)} s`;
  return `  ${peer.name.padEnd(12)} ${figures}, other CPU ${cost.otherCpuSeconds.toFixed(2)} s, peak ${peak.toFixed(0)} MiB`;
}

/** A peer that fails twice in a row is left out of the rounds that follow. */
const FAILURES_IN_A_ROW = 2;

function gaveUp(runs: PeerRuns): boolean {
  return (
    runs.costs.length >= FAILURES_IN_A_ROW &&
    runs.costs.slice(-FAILURES_IN_A_ROW).every((cost) => cost === null)
  );
}

export function takesPart(peer: Peer, { kind, prior, link }: Case): boolean {
  return peer.kinds.includes(kind) && (prior === undefined || peer.updates) && !(link && peer.local);
}

export async function runCase(context: CaseContext): Promise<CaseRuns> {
  const { which, place, rounds, say } = context;
  say(`${which.name}: ${which.what}`);
  const source = prepareSource(which, place.source);
  const digest = which.kind === 'file' ? await sha256OfFile(source.path) : '';
  const peers = context.peers
    .filter((peer) => takesPart(peer, which))
    .map((peer): PeerRuns => ({ peer, costs: [], failures: [] }));
  const twoToOne: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const ratio = await twoToOneRatio();
    twoToOne.push(ratio);
    say(` round ${round + 1} of ${rounds}: two processes / one = ${ratio.toFixed(2)}`);
    for (const runs of rotated(peers, round)) {
      if (gaveUp(runs)) {
        runs.costs.push(null);
        continue;
      }
      const full = runs.costs.every((cost) => cost === null);
      try {
        const cost = await runOnce(runs.peer, { context, source, digest, full });
        runs.costs.push(cost);
        say(said(runs.peer, cost));
      } catch (error) {
        context.signal.throwIfAborted();
        runs.costs.push(null);
        runs.failures.push(`round ${round + 1}: ${(error as Error).message}`);
        say(`  ${runs.peer.name.padEnd(12)} FAILED: ${(error as Error).message}`);
      }
    }
  }
  twoToOne.push(await twoToOneRatio());
  for (const path of [place.source, place.destination]) rmSync(path, { recursive: true, force: true });
  mkdirSync(place.destination);
  return { source, peers, twoToOne };
}
