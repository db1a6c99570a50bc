import { asCausewayError, CausewayError } from '../base/errors.ts';
import { abortReason, orAborted, throwIfAborted } from '../base/signal.ts';
import type { BenchPlace, ServerRequest } from '../world/bench_machine.ts';
import type { LoadClient, LoadTarget, LoadTask } from '../world/load.ts';
import {
  BIG_SEED,
  FIGURES,
  type FileNames,
  MEASURED,
  RANDOM_SEED,
  rotated,
  type ShareWork,
  sampleOf,
  WARMING,
  warmingWork,
} from './figures.ts';
import { type Machine, reportOf, type ShareResult, type SharesReport } from './results.ts';
import { absence, type PeerPlace, type SharePeer } from './share_peer.ts';

export interface SharesRun {
  readonly place: BenchPlace;
  readonly peers: readonly SharePeer[];
  readonly work: ShareWork;
  readonly machine: Machine;
  readonly isRoot: boolean;
  readonly signal: AbortSignal;
  /** Milliseconds of a clock that never goes back. */
  nowMs(): number;
  /** Told of what is measured now. */
  progress(text: string): void;
}

/** Measures the shares one after the other in each round. Afterwards no process and no mount of it is left. CW_CANCELLED. */
export async function measureShares(run: SharesRun): Promise<SharesReport> {
  const bench = new SharesBench(run);
  const before = { nowMs: run.nowMs(), ...run.place.machine.cpu() };
  await bench.prepare();
  for (let round = 0; round < run.work.rounds; round += 1) await bench.round(round);
  const after = { nowMs: run.nowMs(), ...run.place.machine.cpu() };
  const ownMs = after.startedMs - before.startedMs;
  const processorsMs = (after.nowMs - before.nowMs) * run.machine.processors;
  const otherMs = Math.max(0, after.busyMs - before.busyMs - ownMs);
  const { machine, work, place } = run;
  const otherLoadPercent = Math.round((otherMs / Math.max(1, processorsMs)) * 100);
  const { fileSystem } = place;
  return reportOf({ machine, fileSystem, otherLoadPercent, work, verified: bench.verified }, bench.results);
}

interface Row extends ShareResult {
  version: string;
  reason: string | null;
}

class SharesBench {
  readonly results: Row[];
  verified = 0;
  readonly #run: SharesRun;
  readonly #shared: string;

  constructor(run: SharesRun) {
    this.#run = run;
    this.#shared = `${run.place.folder}/shared`;
    this.results = run.peers.map((peer) => ({
      name: peer.name,
      what: peer.what,
      version: '',
      reason: absence(peer, run.place.machine, run.isRoot),
      samples: {},
      failures: {},
    }));
  }

  get #threads(): number {
    return Math.max(4, this.#run.work.connections);
  }

  /** Makes the files that are shared, and asks the programs for their versions. */
  async prepare(): Promise<void> {
    const { place, work, peers, signal, progress } = this.#run;
    place.machine.files.makeFolder(this.#shared);
    progress('making the files that are shared');
    const client = place.startLoad(this.#threads);
    try {
      await this.#lay(client, work, MEASURED);
      await this.#lay(client, warmingWork(work), WARMING);
    } finally {
      await client.stop();
    }
    for (const [index, peer] of peers.entries()) {
      throwIfAborted(signal);
      const row = this.results[index]!;
      if (row.reason === null)
        row.version = await peer.version(place.machine).catch((failure) => asCausewayError(failure).message);
    }
  }

  /** The files that clients read. */
  async #lay(client: LoadClient, work: ShareWork, { big, random, many }: FileNames): Promise<void> {
    const { signal } = this.#run;
    const target: LoadTarget = { kind: 'folder', path: this.#shared };
    const { sizeBytes, randomSizeBytes, files, smallBytes } = work;
    const tasks: readonly LoadTask[] = [
      { kind: 'write', name: big, like: big, seed: BIG_SEED, sizeBytes },
      { kind: 'write', name: random, like: random, seed: RANDOM_SEED, sizeBytes: randomSizeBytes },
      { kind: 'create', folder: many, like: many, files, sizeBytes: smallBytes },
    ];
    for (const task of tasks) await client.perform(target, task, signal);
  }

  async round(round: number): Promise<void> {
    const { peers, work, signal, progress } = this.#run;
    for (const peer of rotated(peers, round)) {
      throwIfAborted(signal);
      const row = this.results.find(({ name }) => name === peer.name)!;
      if (row.reason !== null) continue;
      progress(`round ${round + 1} of ${work.rounds}: ${peer.name}`);
      try {
        await this.#measure(peer, row, round);
      } catch (failure) {
        if (signal.aborted) throw abortReason(signal);
        row.reason = `failed: ${asCausewayError(failure).message}`;
      }
    }
  }

  async #measure(peer: SharePeer, row: Row, round: number): Promise<void> {
    const { place, signal } = this.#run;
    const { files } = place.machine;
    const base = `${place.folder}/${peer.name}-${round}`;
    const peerPlace = { state: `${base}/state`, mountpoint: `${base}/mounted` };
    for (const path of [base, ...Object.values(peerPlace)]) files.makeFolder(path);
    const running = new AsyncDisposableStack();
    running.defer(() => this.#clear(base));
    const client = place.startLoad(this.#threads);
    const starting = peer.start(this.#placeOf(peerPlace, running));
    try {
      const target = await orAborted(starting, signal);
      await this.#figures(client, target, row, round);
    } finally {
      // a client that waits in a mount ends only once the server of that has ended
      await Promise.all([client.stop(), running.disposeAsync()]);
      await starting.catch(() => undefined);
    }
  }

  #placeOf(peerPlace: Pick<PeerPlace, 'state' | 'mountpoint'>, running: AsyncDisposableStack): PeerPlace {
    const { machine } = this.#run.place;
    return {
      ...peerPlace,
      machine,
      shared: this.#shared,
      start(request: ServerRequest) {
        // who was interrupted while it starts its programs starts no more of them
        if (running.disposed) throw new CausewayError('CW_CANCELLED', 'the benchmark has ended');
        const server = machine.start(request);
        running.defer(() => server.stop());
        return server;
      },
      atEnd: (action) => running.defer(action),
    };
  }

  async #figures(client: LoadClient, target: LoadTarget, row: Row, round: number): Promise<void> {
    const { place, work, signal } = this.#run;
    await this.#warm(client, target);
    for (const spec of FIGURES) {
      const samples = row.samples[spec.name] ?? Array.from({ length: work.rounds }, () => null);
      row.samples[spec.name] = samples;
      const before = place.machine.cpu().startedMs;
      try {
        const outcome = await client.perform(target, spec.task(work, MEASURED), signal);
        samples[round] = sampleOf(spec, outcome, place.machine.cpu().startedMs - before);
        await this.#verify(client, target, spec.name);
      } catch (failure) {
        const error = asCausewayError(failure);
        if (error.code !== 'CW_BENCH') throw error;
        samples[round] = null;
        row.failures[spec.name] = error.message;
      }
    }
  }

  /** What every server reads lies in memory, whoever comes first; and each has done a little of everything before. */
  async #warm(client: LoadClient, target: LoadTarget): Promise<void> {
    const { work, signal } = this.#run;
    const local: LoadTarget = { kind: 'folder', path: this.#shared };
    const { big, random } = MEASURED;
    await client.perform(local, { kind: 'read', name: big, sizeBytes: work.sizeBytes }, signal);
    await client.perform(local, { kind: 'read', name: random, sizeBytes: work.randomSizeBytes }, signal);
    for (const spec of FIGURES)
      await client.perform(target, spec.task(warmingWork(work), WARMING), signal).catch((failure) => {
        // what it cannot do is told when it is measured
        if (asCausewayError(failure).code !== 'CW_BENCH') throw failure;
      });
  }

  /** What was read or written is compared with what it should be, outside of what is timed. */
  async #verify(client: LoadClient, target: LoadTarget, figure: string): Promise<void> {
    const { work, signal } = this.#run;
    const { sizeBytes } = work;
    const seed = BIG_SEED;
    const local: LoadTarget = { kind: 'folder', path: this.#shared };
    if (figure === 'read')
      await client.perform(target, { kind: 'verify', name: MEASURED.big, seed, sizeBytes }, signal);
    else if (figure === 'write')
      await client.perform(local, { kind: 'verify', name: MEASURED.written, seed, sizeBytes }, signal);
    else if (figure === 'create') {
      const { files, smallBytes } = work;
      const list = { kind: 'list', folder: MEASURED.made, files, sizeBytes: smallBytes } as const;
      await client.perform(local, list, signal);
    } else return;
    this.verified += 1;
  }

  async #clear(base: string): Promise<void> {
    const { files } = this.#run.place.machine;
    if (files.isMounted(`${base}/mounted`)) await files.unmount(`${base}/mounted`);
    files.remove(base);
    for (const { written, made } of [MEASURED, WARMING])
      for (const name of [written, made]) files.remove(`${this.#shared}/${name}`);
  }
}
