/** A record as tables: for the terminal and for docs/benchmarks.md. Pure. */

import type { ProbeRecord } from './probes.ts';
import {
  type BenchRecord,
  type CaseRecord,
  caseFigures,
  medianOf,
  type PeerRecord,
  recordJson,
} from './record.ts';
import { median, range, speedRatios, valid } from './statistics.ts';
import { type Column, markdownTable, plainTable } from './table.ts';
import { type Verdict, verdicts } from './targets.ts';

const MIB = 1 << 20;
type Tabulate = (columns: readonly Column[], rows: readonly (readonly string[])[]) => string;

const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string): Column => ({ title, align: 'right' });

/** The peer that the column "x of" divides by, where it ran. */
const YARDSTICK = 'rsync-daemon';

function fixed(value: number | null, digits: number): string {
  return value === null ? '-' : value.toFixed(digits);
}

function ratioText(ratios: readonly number[]): string {
  return ratios.length === 0 ? '-' : `${median(ratios).toFixed(2)} x`;
}

function rateText(record: CaseRecord, seconds: number | null): string {
  if (seconds === null) return '-';
  const perSecond = record.files > 1 ? record.files / seconds : record.sizeBytes / MIB / seconds;
  return perSecond.toLocaleString('en', { maximumFractionDigits: 0 });
}

function peakText(peer: PeerRecord): string {
  const parts = Object.entries(peer.peakKiB).map(([label, kib]) => `${label} ${(kib / 1024).toFixed(0)}`);
  return parts.length === 0 ? '-' : parts.join(', ');
}

/** Processes whose reads are those of the client's side, and all others. */
const NEAR = ['client', 'daemon'];

function readText(peer: PeerRecord): string {
  if (peer.readBytes === undefined) return '-';
  let [near, far] = [0, 0];
  for (const [label, bytes] of Object.entries(peer.readBytes)) {
    if (NEAR.includes(label)) near += bytes;
    else far += bytes;
  }
  return [near, far].map((bytes) => (bytes / MIB).toFixed(0)).join(' / ');
}

function wireTexts(record: CaseRecord, peer: PeerRecord): string[] {
  const bytes = medianOf(peer.wireBytes ?? []);
  const changed = record.changedBytes ?? record.sizeBytes;
  // Nothing passes loopback where a peer uses another way: there is no figure then.
  if (bytes === null || bytes === 0) return ['-', '-'];
  return [(bytes / MIB).toFixed(2), changed > 1 ? (bytes / changed).toFixed(3) : '-'];
}

function cpuPerGiB(record: CaseRecord, cpuSeconds: number | null): string {
  return cpuSeconds === null || record.sizeBytes < MIB
    ? '-'
    : ((cpuSeconds * 1024 * MIB) / record.sizeBytes).toFixed(2);
}

function peerRow(record: CaseRecord, name: string, peer: PeerRecord): string[] {
  const seconds = medianOf(peer.seconds);
  const spread =
    seconds === null
      ? '-'
      : range(valid(peer.seconds))
          .map((s) => s.toFixed(2))
          .join('-');
  const yardstick = record.peers[YARDSTICK];
  const against = yardstick ? ratioText(speedRatios(peer.seconds, [yardstick.seconds])) : '-';
  const cpuSeconds = medianOf(peer.cpuSeconds);
  const cpu = [cpuSeconds, medianOf(peer.otherCpuSeconds)].map((value) => fixed(value, 2));
  const cost = [...cpu, cpuPerGiB(record, cpuSeconds), ...wireTexts(record, peer), readText(peer)];
  return [name, fixed(seconds, 2), spread, rateText(record, seconds), against, ...cost, peakText(peer)];
}

function caseTable(record: CaseRecord, tabulate: Tabulate): string {
  const rate = record.files > 1 ? 'files/s' : 'MiB/s';
  const numbers = [
    ...['median s', 'range s', rate, `speed / ${YARDSTICK}`],
    ...['CPU s', 'other CPU s', 'CPU s/GiB', 'wire MiB', 'wire / changed', 'read MiB near / far'],
  ].map(right);
  const rows = Object.entries(record.peers).map(([name, peer]) => peerRow(record, name, peer));
  return tabulate([left('peer'), ...numbers, left('peak MiB')], rows);
}

/** Each variant of ours against each peer, ratios inside rounds; empty where ours did not run. */
function oursTable(record: CaseRecord, tabulate: Tabulate): string {
  const { seconds } = caseFigures(record);
  const ours = Object.keys(seconds).filter((name) => name.startsWith('ours-'));
  const others = Object.keys(seconds).filter((name) => !name.startsWith('ours-'));
  if (ours.length === 0 || others.length === 0) return '';
  const rows = ours.map((name) => [
    name,
    ...others.map((other) => ratioText(speedRatios(seconds[name] ?? [], [seconds[other] ?? []]))),
  ]);
  return tabulate([left('times as fast as'), ...others.map(right)], rows);
}

function failureLines(record: CaseRecord): string[] {
  const failed = Object.entries(record.peers).flatMap(([name, peer]) =>
    peer.failures.map((failure) => `${name} failed in ${failure.replace(/\s+/g, ' ')}`),
  );
  const absent = Object.entries(record.unavailable).map(([name, why]) => `${name}: not available: ${why}`);
  return [...failed, ...absent];
}

/** Share of the processors that went to other load while the peers ran, 0 … 1. */
export function otherLoad(record: CaseRecord): number {
  const sum = (field: 'seconds' | 'otherCpuSeconds') =>
    Object.values(record.peers)
      .flatMap((peer) => valid(peer[field]))
      .reduce((total, value) => total + value, 0);
  const available = sum('seconds') * record.machine.cores;
  return available === 0 ? 0 : sum('otherCpuSeconds') / available;
}

/** Interrupts and kernel threads of an idle machine stay below this. */
const IDLE_SHARE = 0.05;

function loadText(record: CaseRecord): string {
  const share = otherLoad(record);
  const percent = `${(share * 100).toFixed(0)} % of the processors went to other load`;
  return share > IDLE_SHARE ? `MACHINE NOT IDLE: ${percent}` : percent;
}

function conditions(record: CaseRecord): string {
  const kind = record.quick ? 'QUICK, not for the record; ' : '';
  const count = record.files === 1 ? '1 file' : `${record.files.toLocaleString('en')} files`;
  const extent = `${count}, ${(record.sizeBytes / MIB).toFixed(1)} MiB`;
  const ratios = record.twoToOne.map((ratio) => ratio.toFixed(2)).join(', ');
  return `${kind}${record.date}, ${extent}, ${record.fileSystem}, ${record.rounds} interleaved round${record.rounds === 1 ? '' : 's'}, ${loadText(record)}, two processes / one before each round and at the end: ${ratios}`;
}

function verdictTable(all: readonly Verdict[], tabulate: Tabulate): string {
  const rows = all.map((v) => [
    v.what,
    v.target,
    v.due,
    v.measured,
    v.verdict === 'short' ? 'FALLS SHORT' : v.verdict,
  ]);
  return tabulate([left('target'), right('wanted'), left('due'), right('measured'), left('verdict')], rows);
}

function allVerdicts(record: BenchRecord): Verdict[] {
  const whole = Object.entries(record.cases).filter(([, one]) => !one.quick);
  const probes = Object.entries(record.probes ?? {}).filter(([, one]) => !one.quick);
  return verdicts(new Map(whole.map(([name, one]) => [name, caseFigures(one)])), Object.fromEntries(probes));
}

function probeTable({ figures }: ProbeRecord, tabulate: Tabulate): string {
  const rows = Object.entries(figures).map(([label, { values }]) => [
    label,
    median(values).toFixed(2),
    range(values)
      .map((value) => value.toFixed(2))
      .join('-'),
  ]);
  return tabulate([left('figure'), right('median'), right('range')], rows);
}

/** How near ours comes to the slowest stage alone; empty where either was not measured. */
export function shareOfSlowest({ cases, probes }: BenchRecord): string {
  const rates = Object.entries(probes?.['stages']?.figures ?? {})
    // Of the cipher classes only the one that a copy uses counts.
    .filter(([label]) => /GiB\/s$/.test(label) && !/AES_128|CHACHA20|plain/.test(label))
    .map(([label, { values }]) => ({ stage: label.replace(/: GiB\/s$/, ''), rate: median(values) }))
    .sort((a, b) => a.rate - b.rate);
  const file = cases['file-1g-random'];
  const seconds = medianOf(file?.peers['ours-tls']?.seconds ?? []);
  const [slowest] = rates;
  if (file === undefined || seconds === null || slowest === undefined) return '';
  const rate = file.sizeBytes / 1024 / MIB / seconds;
  const percent = ((100 * rate) / slowest.rate).toFixed(0);
  return `A copy of file-1g-random by ours-tls runs at ${rate.toFixed(2)} GiB/s: ${percent} % of its slowest stage alone (${slowest.stage}, ${slowest.rate.toFixed(2)} GiB/s).`;
}

/** What the terminal shows at the end. */
export function terminalReport(record: BenchRecord): string {
  const parts = Object.entries(record.cases).flatMap(([name, one]) => [
    `${name}: ${one.what}\n${conditions(one)}`,
    caseTable(one, plainTable),
    oursTable(one, plainTable),
    failureLines(one).join('\n'),
  ]);
  for (const [name, probe] of Object.entries(record.probes ?? {}))
    parts.push(`${name}: ${probe.what}`, probeTable(probe, plainTable));
  const quick = Object.values(record.cases).some((one) => one.quick);
  const targets = `targets${quick ? ' (quick cases are not judged)' : ''}\n${verdictTable(allVerdicts(record), plainTable)}`;
  return [...parts, shareOfSlowest(record), targets].filter((part) => part !== '').join('\n\n');
}

const METHOD = `Written by \`npm run bench -- copy\`. Client and server run on one machine and share its processors.

- The time is that of the client as a whole process, from start to exit. Servers and daemons run before it.
- The destination is removed and the file system flushed before each run, outside the time.
- All peers run once in every round, in an order that moves on by one place each round. Ratios are taken inside a round and the median of the ratios is shown, because the speed of the machine changes between rounds.
- "two processes / one" is the work of two CPU-bound processes together against one alone (AES-256-GCM, 0.3 s each): 2 for two free processors, near 1 when both share one.
- "CPU s" is user + system time of the client, the servers and everything they start: the growth of the bench's reaped children plus its live descendants (\`/proc/PID/stat\`, utime + stime + cutime + cstime), read after the servers' forks have ended. "other CPU s" is what the processors did besides: other load, interrupts, kernel threads.
- "peak MiB" is the largest single process by role (VmHWM; servers are reset through \`clear_refs\` before each run; sampled every 50 ms, so the last 50 ms of a client are not in it).
- "wire MiB" is what passed loopback or the shaped link while the client ran, both directions, with all headers (interface counters of the kernel); "wire / changed" divides it by the bytes that the destination did not have. A Unix socket is not in it.
- "read MiB" is what the processes of each side have got by \`read\` and its like (\`rchar\` of /proc/PID/io with reaped children): files, and also pipes and such sockets as are read by \`read\`. Near is the side of the client.
- Contents are compared in each peer's first good run (SHA-256 of a file, \`diff -r\` of a tree), count and sizes in every run.
- Flushed inside the time: \`cp\` (by \`sync -f\`) and Causeway. The other peers leave their writes to the page cache. On tmpfs a flush costs nothing.`;

function caseSection(name: string, record: CaseRecord): string {
  const { machine } = record;
  const parts = [
    `## ${name}\n\n${record.what[0]?.toUpperCase()}${record.what.slice(1)}.`,
    `Measured ${conditions(record)}.`,
    `Machine: ${machine.processor}, ${machine.cores} processors, ${machine.memoryGiB} GiB, Linux ${machine.kernel}; bench on Node ${machine.node}.`,
    caseTable(record, markdownTable),
    oursTable(record, markdownTable),
    failureLines(record)
      .map((line) => `- ${line}`)
      .join('\n'),
    peersTable(record),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function peersTable(record: CaseRecord): string {
  const rows = Object.entries(record.peers).map(([name, peer]) => [
    name,
    peer.version,
    peer.note,
    `\`${peer.command}\``,
  ]);
  return markdownTable(['peer', 'version', 'what the figure includes', 'command'].map(left), rows);
}

/** The text of docs/benchmarks.md. */
export function markdownReport(record: BenchRecord): string {
  const sections = Object.entries(record.cases).map(([name, one]) => caseSection(name, one));
  for (const [name, probe] of Object.entries(record.probes ?? {})) {
    const header = `## ${name}\n\n${probe.what[0]?.toUpperCase()}${probe.what.slice(1)}.\n\nMeasured ${probe.quick ? 'QUICK, not for the record; ' : ''}${probe.date}.`;
    sections.push(`${header}\n\n${probeTable(probe, markdownTable)}`);
  }
  const targets = `## Targets\n\n${verdictTable(allVerdicts(record), markdownTable)}`;
  const json = `## Record\n\n\`\`\`json\n${recordJson(record)}\n\`\`\``;
  return `${['# Benchmarks: copy', METHOD, targets, shareOfSlowest(record), ...sections, json].filter((part) => part !== '').join('\n\n')}\n`;
}
