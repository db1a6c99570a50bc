/** `bench copy`: ours beside its peers. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CASES, type Case, fileNameOf, quickened } from './cases.ts';
import { describeMachine } from './machine.ts';
import { type LinkShape, LOOPBACK, shapedNetwork } from './network.ts';
import { type CopyOptions, RECORD_ROUNDS, selected } from './options.ts';
import { OurDaemon, oursDirectPeer, oursPlainPeer, oursTlsPeer } from './ours.ts';
import type { Peer } from './peer.ts';
import { cpPeer } from './peers/cp.ts';
import { rclonePeer, rsyncSshPeer, scpPeer, tarSshPeer } from './peers/over_ssh.ts';
import { rsyncDaemonPeer } from './peers/rsync.ts';
import { SshServer } from './peers/sshd.ts';
import { PROBES, type Probe, type ProbeRecord } from './probes.ts';
import {
  type BenchRecord,
  type CaseRecord,
  caseRecord,
  merged,
  type PeerIdentity,
  recordIn,
  recordJson,
} from './record.ts';
import { markdownReport, terminalReport } from './report.ts';
import { runCase, takesPart } from './rounds.ts';
import { Unavailable } from './server.ts';
import { quoted } from './tools.ts';
import { chooseDirectory, createWorkplace, type Workplace } from './workplace.ts';

const DOCS = resolve(import.meta.dirname, '..', 'docs', 'benchmarks.md');

function allPeers(place: Workplace): Peer[] {
  const ssh = new SshServer(place);
  const daemon = new OurDaemon(place);
  return [
    cpPeer(place),
    rsyncDaemonPeer(place),
    rsyncSshPeer(ssh),
    scpPeer(ssh),
    scpPeer(ssh, 'aes256-gcm@openssh.com'),
    tarSshPeer(ssh),
    rclonePeer(ssh),
    oursTlsPeer(place, daemon),
    oursPlainPeer(place, daemon),
    oursDirectPeer(place, daemon),
  ];
}

function selectedCases(options: CopyOptions): Case[] {
  const wanted = options.only ?? CASES.filter((which) => which.byDefault).map((which) => which.name);
  const names = new Set(PROBES.map(({ name }) => name));
  const known = [...CASES, ...PROBES];
  selected(known, wanted, 'case');
  const whole = selected(
    CASES,
    wanted.filter((name) => !names.has(name)),
    'case',
  );
  return options.quick ? whole.map(quickened) : whole;
}

/** Probes run when they are named, and with everything else when nothing is. */
function selectedProbes({ only }: CopyOptions): Probe[] {
  return PROBES.filter(({ name }) => only === null || only.includes(name));
}

function runProbe(probe: Probe, run: Run): Promise<ProbeRecord> {
  const { options, date, say, signal } = run;
  say(`${probe.name}: ${probe.what}`);
  const { quick, rounds } = options;
  return probe.run({ directory: options.dir, date, quick, rounds, say, signal });
}

interface Started {
  readonly peers: readonly Peer[];
  readonly versions: ReadonlyMap<string, string>;
  readonly unavailable: Readonly<Record<string, string>>;
}

async function startPeers(peers: readonly Peer[], say: (line: string) => void): Promise<Started> {
  const up: Peer[] = [];
  const versions = new Map<string, string>();
  const unavailable: Record<string, string> = {};
  for (const peer of peers) {
    try {
      await peer.start();
      versions.set(peer.name, await peer.version());
      up.push(peer);
      say(`${peer.name}: ${versions.get(peer.name)}`);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      unavailable[peer.name] = error.message.replace(/\s+/g, ' ');
      say(`${peer.name}: not available: ${unavailable[peer.name]}`);
    }
  }
  return { peers: up, versions, unavailable };
}

/** The exact command with the folders of this run replaced by names. */
function shownCommand(peer: Peer, which: Case, place: Workplace): string {
  const source = join(place.source, which.kind === 'tree' ? 'tree' : fileNameOf(which));
  const { kind, prior } = which;
  const { argv } = peer.command({ kind, source, destination: place.destination, ...(prior && { prior }) });
  const root = resolve(import.meta.dirname, '..');
  return argv
    .map(quoted)
    .join(' ')
    .replaceAll(place.data, '$DATA')
    .replaceAll(place.config, '$CONFIG')
    .replaceAll(root, '.');
}

interface Session {
  readonly options: CopyOptions;
  readonly place: Workplace;
  readonly started: Started;
  readonly date: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

async function oneCase(which: Case, session: Session): Promise<CaseRecord> {
  const { options, place, started, say } = session;
  const identities = new Map<string, PeerIdentity>();
  for (const peer of started.peers) {
    const version = started.versions.get(peer.name) ?? '';
    const command = shownCommand(peer, which, place);
    if (!takesPart(peer, which)) continue;
    identities.set(peer.name, { version, command });
    say(`${peer.name}: ${command}`);
  }
  const runs = await runCase({
    which,
    place,
    peers: started.peers,
    rounds: options.rounds,
    signal: session.signal,
    say,
  });
  const { fileSystem } = place;
  const { unavailable } = started;
  const header = { what: which.what, date: session.date, quick: options.quick, rounds: options.rounds };
  return caseRecord({ ...header, fileSystem, machine: describeMachine(), unavailable }, runs, identities);
}

/** Called after each case, so that what was measured outlives an interrupt. */
function keepRecord(record: BenchRecord, options: CopyOptions, say: (line: string) => void): void {
  if (options.json !== undefined) writeFileSync(options.json, `${recordJson(record)}\n`);
  const partial = options.quick || options.peers !== null || options.rounds < RECORD_ROUNDS;
  if (options.noDocs || (partial && options.docs === undefined)) {
    const why = options.noDocs ? 'as asked' : `that takes all peers, whole sizes and ${RECORD_ROUNDS} rounds`;
    say(`not written to docs/benchmarks.md: ${why}`);
    return;
  }
  const path = options.docs ?? DOCS;
  const older = existsSync(path) ? recordIn(readFileSync(path, 'utf8')) : null;
  writeFileSync(path, markdownReport(merged(older, record)));
  say(`written: ${path}`);
}

/** Stops the peers and removes the folders, whatever happened; the first error is the one that is reported. */
async function cleanUp(peers: readonly Peer[], place: { dispose(): void }): Promise<void> {
  const results = await Promise.allSettled(peers.map((peer) => peer.stop()));
  place.dispose();
  const failed = results.find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Cases that share a link, which share peers too. */
function byLink(cases: readonly Case[]): Map<string, Case[]> {
  const groups = new Map<string, Case[]>();
  for (const which of cases) {
    const key = JSON.stringify(which.link ?? null);
    groups.set(key, [...(groups.get(key) ?? []), which]);
  }
  return groups;
}

interface Run {
  readonly options: CopyOptions;
  readonly date: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
  /** What was measured so far. */
  readonly records: Record<string, CaseRecord>;
  readonly probes: Record<string, ProbeRecord>;
}

async function runGroup(link: LinkShape | null, cases: readonly Case[], run: Run): Promise<void> {
  const { options, say, records } = run;
  const directory = chooseDirectory(options.dir, Math.max(...cases.map((c) => c.sizeBytes)));
  const place = createWorkplace(directory, link ? shapedNetwork(link) : LOOPBACK);
  let peers: Peer[] = [];
  try {
    peers = selected(allPeers(place), options.peers, 'peer').filter((peer) => !(link && peer.local));
    say(`data on ${place.fileSystem} (${place.data})`);
    const started = await startPeers(peers, say);
    for (const which of cases) {
      records[which.name] = await oneCase(which, { ...run, place, started });
      keepRecord({ schema: 1, cases: records, probes: run.probes }, options, say);
    }
  } finally {
    await cleanUp(peers, place);
  }
}

const EXIT_INTERRUPTED = 130;

/**
 * @returns the exit code: 0, 1 when a run of an available peer failed, 130 when interrupted.
 * A missed target is printed as such and is no failure.
 */
export async function benchCopy(options: CopyOptions): Promise<number> {
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  const stop = new AbortController();
  const interrupt = () => stop.abort(new Error('interrupted'));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const records: Record<string, CaseRecord> = {};
  const probes: Record<string, ProbeRecord> = {};
  const date = options.date ?? new Date().toISOString().slice(0, 10);
  try {
    for (const [key, cases] of byLink(selectedCases(options)))
      await runGroup(JSON.parse(key), cases, { options, date, say, signal: stop.signal, records, probes });
    for (const probe of selectedProbes(options)) {
      probes[probe.name] = await runProbe(probe, {
        options,
        date,
        say,
        signal: stop.signal,
        records,
        probes,
      });
      keepRecord({ schema: 1, cases: records, probes }, options, say);
    }
    process.stdout.write(`${terminalReport({ schema: 1, cases: records, probes })}\n`);
    const runs = Object.values(records).flatMap((one) => Object.values(one.peers));
    return runs.some((peer) => peer.failures.length > 0) ? 1 : 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    say('interrupted: the case under way is not in the record');
    return EXIT_INTERRUPTED;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

/** Names for `--only` and `--peers`. */
export function listing(): string {
  const nowhere: Workplace = {
    data: '',
    source: '',
    destination: '',
    config: '',
    fileSystem: '',
    network: LOOPBACK,
  };
  const cases = CASES.map(
    (c) => `  ${c.name.padEnd(16)} ${c.what}${c.byDefault ? '' : ' (only when named)'}`,
  );
  const peers = allPeers(nowhere).map((peer) => `  ${peer.name.padEnd(16)} ${peer.note}`);
  const probes = PROBES.map((probe) => `  ${probe.name.padEnd(16)} ${probe.what}`);
  return ['cases', ...cases, ...probes, 'peers', ...peers].join('\n');
}
