import { toHex } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { resolveAbsolute, splitAbsolute } from '../base/path.ts';
import type { Mux, Stream } from '../link/mux/mux.ts';
import type { KnowingWorld } from '../tree/index/known_files.ts';
import { decodeCopyOpening } from '../wire/copy_messages.ts';
import type { CopyOpening } from '../wire/copy_types.ts';
import { worldFor } from './class_world.ts';
import { laneOpener } from './copy_attempt.ts';
import type { LaneRouter } from './lane_router.ts';
import type { LaneAcceptor } from './link_ports.ts';
import { removeLeftProbe } from './name_rules_there.ts';
import { discardPartial } from './partial_store.ts';
import { SinkRun } from './sink_run.ts';
import { SourceRun } from './source_run.ts';
import { addReports, type UndoReport, undoCopy } from './undo/undo.ts';

interface Attempt {
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

/** Takes part in copies that the peer asks for. One running attempt for each transfer: a new one replaces an old one that hangs on a dead link. */
export class CopyService {
  readonly #world: KnowingWorld;
  readonly #attempts = new Map<string, Attempt>();
  readonly #undoing = new Map<string, Promise<UndoReport | null>>();
  /** What undos did of which nobody may have heard: the next one who asks is told. */
  readonly #undone = new Map<string, UndoReport>();

  constructor(world: KnowingWorld) {
    this.#world = world;
  }

  /** Runs one copy stream to its end; never throws, the peer gets the error. */
  async serve(stream: Stream, mux: Mux, router: LaneRouter): Promise<void> {
    let opening: CopyOpening;
    try {
      opening = decodeCopyOpening(stream.opening);
    } catch (failure) {
      stream.reset(asCausewayError(failure));
      return;
    }
    // one machine may have both parts of a copy, over two links
    const key = keyOf(opening.transferId, opening.role);
    // Claimed before anything is awaited: lanes and later attempts find this one.
    const acceptor = router.expect(opening.transferId);
    const earlier = this.#attempts.get(key);
    const controller = new AbortController();
    const done = this.#run(opening, { stream, mux, controller, earlier, acceptor }).finally(() => {
      acceptor.close();
      if (this.#attempts.get(key)?.controller === controller) this.#attempts.delete(key);
    });
    this.#attempts.set(key, { controller, done });
    await done;
  }

  /**
   * Removes what an unfinished copy left beside `destination`, once an attempt that still runs has ended. True when
   * there was something. Throws CW_COPY_BUSY while a stuck device holds it.
   */
  async discard(transferId: Uint8Array, destination: string): Promise<boolean> {
    const running = this.#attempts.get(keyOf(transferId, 'sink'));
    if (running) await this.#replace(running);
    const path = absoluteDestination(this.#world.process.info.homeDirectory, destination);
    let removed = false;
    for (const folder of [path, splitAbsolute(path).folder]) {
      if ((await this.#world.disk.statPath(folder))?.kind !== 'directory') continue;
      await using dir = await this.#world.disk.openRoot(folder);
      await removeLeftProbe(dir, transferId);
      if (await discardPartial(dir, transferId)) removed = true;
    }
    return removed;
  }

  /**
   * Takes back what a copy did at `destination`; null where nothing is kept of it. Joins one that runs. Throws CW_DISK_*,
   * and CW_COPY_BUSY while the copy itself runs.
   */
  undo(transferId: Uint8Array, undoId: Uint8Array, destination: string): Promise<UndoReport | null> {
    if (this.#attempts.has(keyOf(transferId, 'sink')))
      return Promise.reject(new CausewayError('CW_COPY_BUSY', 'the copy runs: cancel it before its undo'));
    const key = toHex(undoId);
    const running = this.#undoing.get(key);
    if (running) return running;
    const undoing = this.#undoNow(undoId, destination)
      .then((report) => this.#remember(key, report))
      .finally(() => this.#undoing.delete(key));
    this.#undoing.set(key, undoing);
    return undoing;
  }

  /** An answer that was lost with the link is given again. */
  #remember(key: string, report: UndoReport | null): UndoReport | null {
    if (report === null) return this.#undone.get(key) ?? null;
    this.#undone.delete(key);
    if (report.problemCount === 0) this.#undone.set(key, report);
    const [oldest] = this.#undone.keys();
    if (oldest !== undefined && this.#undone.size > LIMITS.undoReportsMax.value) this.#undone.delete(oldest);
    return report;
  }

  async #undoNow(undoId: Uint8Array, destination: string): Promise<UndoReport | null> {
    const path = absoluteDestination(this.#world.process.info.homeDirectory, destination);
    const { folder: above, name } = splitAbsolute(path);
    let sum: UndoReport | null = null;
    let left: ReadonlySet<string> = new Set();
    // an attempt that began before the destination's folder existed has kept its undo one folder higher
    for (const folder of new Set([path, above])) {
      if ((await this.#world.disk.statPath(folder))?.kind !== 'directory') continue;
      const undone = await undoCopy(this.#world, folder, undoId, left);
      if (undone === null) continue;
      sum = sum === null ? undone.report : addReports(sum, undone.report);
      // what was left of the later attempts is not taken back of the earlier one either
      left = new Set([...undone.left].map((item) => `${name}/${item}`));
    }
    return sum;
  }

  /** Ends all running attempts, keeping what they have. */
  async close(): Promise<void> {
    const reason = new CausewayError('CW_LINK_CLOSED', 'this side is shutting down');
    for (const { controller } of this.#attempts.values()) controller.abort(reason);
    await Promise.all([...this.#attempts.values()].map((attempt) => attempt.done));
  }

  async #run(
    opening: CopyOpening,
    parts: {
      stream: Stream;
      mux: Mux;
      controller: AbortController;
      earlier: Attempt | undefined;
      acceptor: LaneAcceptor;
    },
  ): Promise<void> {
    const { stream, mux, controller, earlier, acceptor } = parts;
    try {
      if (earlier) await this.#replace(earlier);
      const home = this.#world.process.info.homeDirectory;
      const common = {
        world: worldFor(this.#world, opening.options),
        stream,
        options: opening.options,
        signal: controller.signal,
        keepPartial: () => true,
      };
      const link = () => mux.stats;
      if (opening.role === 'source') {
        const sources = opening.sources.map((path) => absoluteSource(home, path));
        const lanes = laneOpener(mux, opening.transferId, opening.options);
        await new SourceRun({ ...common, sources, lanes }, link).run();
      } else {
        const destination = absoluteDestination(home, opening.destination);
        const { transferId } = opening;
        const lanes = opening.checkArrival ? { ...acceptor, authenticated: false } : acceptor;
        await new SinkRun({ ...common, transferId, destination, lanes }, link).run();
      }
    } catch (failure) {
      const error = asCausewayError(failure); // the run has told the peer; what comes here before it started is told now
      stream.reset(error);
    }
  }

  async #replace(earlier: Attempt): Promise<void> {
    earlier.controller.abort(
      new CausewayError('CW_LINK_SESSION_LOST', 'a new attempt of the same copy has started'),
    );
    const timeout = new AbortController();
    const late = this.#world.clock.sleep(LIMITS.cancelGraceMs.value, timeout.signal).then(
      () => 'late' as const,
      () => 'cancelled' as const,
    );
    const outcome = await Promise.race([earlier.done.then(() => 'done' as const), late]);
    timeout.abort();
    if (outcome === 'late') {
      throw new CausewayError(
        'CW_COPY_BUSY',
        'an earlier attempt of this copy is stuck in an operation of the disk there',
      );
    }
  }
}

function keyOf(transferId: Uint8Array, role: CopyOpening['role']): string {
  return `${role} ${toHex(transferId)}`;
}

function absoluteDestination(home: string, path: string): string {
  const absolute = resolveAbsolute(home, path);
  return path.endsWith('/') && absolute !== '/' ? `${absolute}/` : absolute;
}

/** Keeps the `/.` that asks for what is inside a folder. */
function absoluteSource(home: string, path: string): string {
  const absolute = resolveAbsolute(home, path);
  return path.endsWith('/.') || path === '.' ? `${absolute === '/' ? '' : absolute}/.` : absolute;
}
