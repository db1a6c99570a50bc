import { formatBytes } from '../base/units.ts';
import type { FigureName } from '../bench/figures.ts';
import type { FigureSummary, SharesReport } from '../bench/results.ts';
import type { Verdict } from '../bench/targets.ts';
import { table } from './terminal.ts';

type Share = SharesReport['shares'][number];

/** What one run of `causeway bench shares` tells, for people. */
export function reportText(report: SharesReport): string {
  const { work, machine, fileSystem, otherLoadPercent, verified } = report;
  const head = [
    `${formatBytes(work.sizeBytes)} in order, ${work.files} files of ${formatBytes(work.smallBytes)}, ${work.connections} clients, ${work.reads} reads, ${work.rounds} round${work.rounds === 1 ? '' : 's'}; medians`,
    `${machine.processors} processors, ${formatBytes(machine.memoryBytes)}, ${fileSystem}; ${otherLoadPercent} % of the processors went to other programs`,
    `${verified} times what was read or written was compared with what it should be: equal`,
  ];
  return [
    ...head,
    '',
    table([FIRST_HEAD, ...report.shares.map(firstRow)]),
    '',
    table([SECOND_HEAD, ...report.shares.filter(isMeasured).map(secondRow)]),
    ...notesText(report.shares),
    ...verdictsText(report.targets),
  ].join('\n');
}

const FIRST_HEAD = ['SHARE', 'WRITE', 'READ', 'MADE', 'LISTED', '4 KIB AT RANDOM', '', ''];
const SECOND_HEAD = ['SHARE', 'CLIENTS', '', '', 'CPU OF SERVER + CLIENT: WRITE', 'READ', 'MADE', 'LISTED'];

function isMeasured({ figures }: Share): boolean {
  return Object.keys(figures).length > 0;
}

function firstRow({ name, reason, figures }: Share): string[] {
  if (reason !== null && Object.keys(figures).length === 0) return [name, reason];
  const { random } = figures;
  return [
    name,
    rate(figures.write),
    rate(figures.read),
    rate(figures.create),
    rate(figures.list),
    rate(random),
    ...latencies(random),
  ];
}

function secondRow({ name, figures }: Share): string[] {
  const { clients, write, read, create, list } = figures;
  return [name, rate(clients), ...latencies(clients), cpu(write), cpu(read), cpu(create), cpu(list)];
}

function rate(figure: FigureSummary | undefined): string {
  if (figure === undefined) return '-';
  return `${whole(figure.perSecond)} ${figure.unit}`;
}

function latencies(figure: FigureSummary | undefined): [string, string] {
  const { meanUs = null, p99Us = null } = figure ?? {};
  return [meanUs === null ? '' : `mean ${time(meanUs)}`, p99Us === null ? '' : `p99 ${time(p99Us)}`];
}

function time(us: number): string {
  return us < 1_000 ? `${whole(us)} µs` : `${(us / 1000).toPrecision(3)} ms`;
}

function cpu(figure: FigureSummary | undefined): string {
  if (figure === undefined) return '-';
  return `${(figure.serverCpuMs / 1000).toFixed(2)} + ${(figure.clientCpuMs / 1000).toFixed(2)} s`;
}

function whole(value: number): string {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

/** What the table has no room for. */
function notesText(shares: readonly Share[]): string[] {
  const lines = shares.flatMap(({ name, what, version, reason, figures, failures }) => [
    `${name}: ${what}${version === '' ? '' : ` (${version})`}`,
    ...(reason !== null && Object.keys(figures).length > 0 ? [`  ${reason}`] : []),
    ...Object.entries(failures).map(([figure, why]) => `  no figure for ${figure}: ${why}`),
  ]);
  return ['', ...lines];
}

const FIGURE_WORDS: Record<FigureName, string> = {
  write: 'write in order',
  read: 'read in order',
  create: 'make files',
  list: 'list a folder',
  random: 'read at random',
  clients: 'many clients',
};

function verdictsText(verdicts: readonly Verdict[]): string[] {
  if (verdicts.length === 0) return [];
  const rows = verdicts.map((verdict) => [
    verdict.ours,
    FIGURE_WORDS[verdict.figure],
    verdict.ratio === null ? '-' : `${verdict.ratio.toFixed(2)} x ${verdict.peer}`,
    verdict.atLeast === null ? '' : `${verdict.atLeast} x`,
    judgement(verdict),
  ]);
  return ['', table([['TARGET', '', 'TIMES AS FAST', 'AT LEAST', ''], ...rows])];
}

function judgement({ ratio, atLeast, isMet }: Verdict): string {
  if (ratio === null) return 'not measured';
  if (atLeast === null || isMet === null) return 'told only';
  return isMet ? 'met' : `missed by ${((1 - ratio / atLeast) * 100).toFixed(0)} %`;
}
