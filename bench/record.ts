/** The lasting result of a benchmark: one self-contained entry per case, kept as JSON. Pure but for reading the peers. */
import type { Machine } from './machine.ts';
import type { ProbeRecords } from './probes.ts';
import type { CaseRuns, PeerRuns } from './rounds.ts';
import { median, type Series, valid } from './statistics.ts';
import type { CaseFigures } from './targets.ts';

export interface PeerRecord {
  readonly version: string;
  readonly command: string;
  readonly note: string;
  /** By round; null where a run failed. */
  readonly seconds: Series;
  readonly cpuSeconds: Series;
  readonly otherCpuSeconds: Series;
  /** Largest single process by label over all rounds, KiB. */
  readonly peakKiB: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
  /** Bytes between the two sides by round; absent in older records. */
  readonly wireBytes?: Series;
  /** Median of the bytes read, by label; absent in older records. */
  readonly readBytes?: Readonly<Record<string, number>>;
}

export interface CaseRecord {
  readonly what: string;
  readonly date: string;
  readonly quick: boolean;
  readonly rounds: number;
  readonly files: number;
  readonly sizeBytes: number;
  /** Bytes that the destination did not have; absent in older records, where it had nothing. */
  readonly changedBytes?: number;
  readonly fileSystem: string;
  readonly machine: Machine;
  /** Before each round and after the last. */
  readonly twoToOne: readonly number[];
  readonly peers: Readonly<Record<string, PeerRecord>>;
  /** Peers that could not take part, with the reason. */
  readonly unavailable: Readonly<Record<string, string>>;
}

export interface BenchRecord {
  readonly schema: 1;
  readonly cases: Readonly<Record<string, CaseRecord>>;
  /** Absent in older records. */
  readonly probes?: ProbeRecords;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function medianReads({ costs }: Pick<PeerRuns, 'costs'>): Record<string, number> {
  const good = costs.filter((cost) => cost !== null);
  const labels = new Set(good.flatMap((cost) => Object.keys(cost.readBytes)));
  return Object.fromEntries(
    [...labels].map((label) => [label, median(good.map((cost) => cost.readBytes[label] ?? 0))]),
  );
}

/** The part of a peer's record that comes from its runs. */
export function figuresOf(runs: Pick<PeerRuns, 'costs' | 'failures'>) {
  const series = (field: 'seconds' | 'cpuSeconds' | 'otherCpuSeconds' | 'wireBytes') =>
    runs.costs.map((cost) => (cost === null ? null : rounded(cost[field])));
  const peakKiB: Record<string, number> = {};
  for (const cost of runs.costs) {
    for (const [label, kib] of Object.entries(cost?.peakKiB ?? {}))
      peakKiB[label] = Math.max(kib, peakKiB[label] ?? 0);
  }
  return {
    seconds: series('seconds'),
    cpuSeconds: series('cpuSeconds'),
    otherCpuSeconds: series('otherCpuSeconds'),
    peakKiB,
    failures: [...runs.failures],
    wireBytes: series('wireBytes'),
    readBytes: medianReads(runs),
  };
}

export type CaseHeader = Pick<
  CaseRecord,
  'what' | 'date' | 'quick' | 'rounds' | 'fileSystem' | 'machine' | 'unavailable'
>;

export interface PeerIdentity {
  readonly version: string;
  readonly command: string;
}

export function caseRecord(
  header: CaseHeader,
  runs: CaseRuns,
  identities: ReadonlyMap<string, PeerIdentity>,
): CaseRecord {
  const peers = runs.peers.map(({ peer, ...rest }): [string, PeerRecord] => {
    const { version = '', command = '' } = identities.get(peer.name) ?? {};
    return [peer.name, { version, command, note: peer.note, ...figuresOf({ ...rest }) }];
  });
  const { files, sizeBytes, changedBytes } = runs.source;
  return {
    ...header,
    files,
    sizeBytes,
    changedBytes,
    twoToOne: runs.twoToOne.map(rounded),
    peers: Object.fromEntries(peers),
  };
}

export function medianOf(series: Series): number | null {
  const values = valid(series);
  return values.length === 0 ? null : median(values);
}

/** What the targets are judged by; a peer without a single good run is left out. */
export function caseFigures(record: CaseRecord): CaseFigures {
  const good = Object.entries(record.peers).filter(([, peer]) => valid(peer.seconds).length > 0);
  return {
    seconds: Object.fromEntries(good.map(([name, peer]) => [name, peer.seconds])),
    peakKiB: Object.fromEntries(good.map(([name, peer]) => [name, peer.peakKiB])),
    wireBytes: Object.fromEntries(good.map(([name, peer]) => [name, peer.wireBytes ?? []])),
    changedBytes: record.changedBytes ?? record.sizeBytes,
  };
}

/** Newer cases replace older ones of the same name; the rest stays, each with its own date. */
export function merged(older: BenchRecord | null, newer: BenchRecord): BenchRecord {
  const probes = { ...older?.probes, ...newer.probes };
  const cases = { ...older?.cases, ...newer.cases };
  return Object.keys(probes).length === 0 ? { schema: 1, cases } : { schema: 1, cases, probes };
}

const FENCE = '```';

/** The JSON block of a docs/benchmarks.md; null where there is none of this schema. */
export function recordIn(markdown: string): BenchRecord | null {
  const start = markdown.indexOf(`${FENCE}json\n`);
  const end = markdown.indexOf(`\n${FENCE}`, start + 1);
  if (start < 0 || end < 0) return null;
  const parsed: unknown = JSON.parse(markdown.slice(start + FENCE.length + 5, end));
  return (parsed as BenchRecord).schema === 1 ? (parsed as BenchRecord) : null;
}

/** JSON with one line per list of numbers, so that a diff of two records can be read. */
export function recordJson(record: BenchRecord): string {
  const text = JSON.stringify(record, null, 1);
  return text.replace(/\[\s+([^[\]{}"]*?)\s+\]/g, (_, items: string) => `[${items.replace(/\s+/g, ' ')}]`);
}
