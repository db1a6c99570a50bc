import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { ShareEventView } from '../contract/share_event_schemas.ts';
import type { ShareEventReader } from '../service/ports.ts';
import type { Change } from '../watch/change.ts';
import { ChangeLog } from '../watch/change_log.ts';
import { Watcher, type WatchState } from '../watch/watcher.ts';
import type { Dir } from '../world/disk.ts';
import type { OpenFolderHints } from '../world/folder_hints.ts';
import type { World } from '../world/world.ts';
import type { StoredShare } from './share_store.ts';

export interface ShareWatchesParts {
  readonly world: Pick<World, 'clock' | 'disk'>;
  readonly openHints: OpenFolderHints;
  readonly hintsMax?: number | undefined;
}

/** Numbers go on rising over a restart of the daemon, so that who reads on learns of the gap. */
const PER_MS = 1_000;

type Told = Change | WatchState;

/** Watches shares while somebody reads their changes, and a while longer. */
export class ShareWatches {
  readonly #parts: ShareWatchesParts;
  readonly #watches = new Map<string, ShareWatch>();
  #isOver = false;

  constructor(parts: ShareWatchesParts) {
    this.#parts = parts;
  }

  /** CW_LIMIT, CW_SHARE_EVENTS_GONE for a `since` after which changes may be missing. */
  read(share: StoredShare, since: number | null, wake: () => void): ShareEventReader {
    const readers = [...this.#watches.values()].reduce((sum, { log }) => sum + log.readers, 0);
    if (readers >= LIMITS.shareEventReadersMax.value || this.#isOver)
      throw new CausewayError('CW_LIMIT', 'too many read the changes of shares at this moment');
    const found = this.#watches.get(share.name);
    const known = found?.isEnding === true ? undefined : found;
    if (since !== null && known?.log.reaches(since) !== true)
      throw new CausewayError('CW_SHARE_EVENTS_GONE', `what came after ${since} is not kept`);
    const watch = known ?? new ShareWatch(this.#parts, share);
    if (known === undefined) {
      this.#watches.set(share.name, watch);
      void watch.over.then(() => {
        if (this.#watches.get(share.name) === watch) this.#watches.delete(share.name);
      });
    }
    return watch.read(since, wake);
  }

  /** The share is no more, or is another folder. */
  async end(name: string, reason: CausewayError): Promise<void> {
    const watch = this.#watches.get(name);
    this.#watches.delete(name);
    await watch?.close(reason);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    const reason = new CausewayError('CW_DAEMON_DOWN', 'the daemon is stopping');
    await Promise.all([...this.#watches.keys()].map((name) => this.end(name, reason)));
  }
}

/** The watch of one share. Ends by itself some time after its last reader went away. */
class ShareWatch {
  readonly log: ChangeLog<Told>;
  readonly over: Promise<void>;
  readonly #clock: World['clock'];
  readonly #stop = new AbortController();
  #state: WatchState | null = null;
  #lingering: AbortController | null = null;

  constructor({ world, openHints, hintsMax }: ShareWatchesParts, share: StoredShare) {
    this.#clock = world.clock;
    this.log = new ChangeLog(Math.floor(world.clock.wallMs()) * PER_MS, LIMITS.shareEventsKept.value);
    const watcher = new Watcher({
      clock: world.clock,
      openHints,
      openRoot: () => openSource(world, share),
      tell: (told) => {
        if (told.kind === 'state') this.#state = told;
        this.log.add(told);
      },
      ...(hintsMax !== undefined && { hintsMax }),
    });
    this.over = watcher.run(this.#stop.signal).catch((failure) => this.log.finish(asCausewayError(failure)));
  }

  get isEnding(): boolean {
    return this.#stop.signal.aborted || this.log.end !== null;
  }

  read(since: number | null, wake: () => void): ShareEventReader {
    this.#lingering?.abort();
    this.#lingering = null;
    const unread = this.log.read(wake);
    let at = since;
    return {
      next: () => {
        if (at === null) {
          // nothing is told to be going on before the first look is done: what happens after that is not missed
          if (this.#state === null)
            return this.log.end === null ? null : viewOfEnd(this.log.index, this.log.end);
          at = this.log.index;
          return viewOf(at, this.#state);
        }
        if (!this.log.reaches(at))
          return viewOfEnd(
            this.log.index,
            new CausewayError('CW_SHARE_EVENTS_GONE', `what came after ${at} was not read in time`),
          );
        const event = this.log.next(at);
        if (event === null) return this.log.end === null ? null : viewOfEnd(at, this.log.end);
        at = event.index;
        return viewOf(event.index, event.body);
      },
      close: () => {
        unread();
        if (this.log.readers === 0) void this.#linger();
      },
    };
  }

  async close(reason: CausewayError): Promise<void> {
    this.#lingering?.abort();
    this.#stop.abort();
    await this.over;
    this.log.finish(reason);
  }

  async #linger(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#lingering?.abort();
    const lingering = new AbortController();
    this.#lingering = lingering;
    await this.#clock.sleep(LIMITS.watchLingerMs.value, lingering.signal).catch(() => undefined); // read again, or over
    if (!lingering.signal.aborted) this.#stop.abort();
  }
}

/** Only the very folder that was shared: what lies below a missing mount is another one. */
async function openSource({ disk }: Pick<World, 'disk'>, { source, sourceInode }: StoredShare): Promise<Dir> {
  const dir = await disk.openRoot(source);
  try {
    if ((await dir.self()).inode === sourceInode) return dir;
  } catch (failure) {
    await dir.close();
    throw failure;
  }
  await dir.close();
  throw new CausewayError('CW_SHARE_SOURCE', `${source} is another folder than the one that was shared`);
}

const NOTHING = { path: null, from: null, type: null, state: null, error: null } as const;

function viewOf(index: number, told: Told): ShareEventView {
  switch (told.kind) {
    case 'state':
      return { ...NOTHING, index, kind: 'state', state: told.state, error: told.error?.report() ?? null };
    case 'overflow':
      return { ...NOTHING, index, kind: 'overflow' };
    case 'rename':
      return { ...NOTHING, index, kind: 'rename', path: told.path, from: told.from, type: told.type };
    default:
      return { ...NOTHING, index, kind: told.kind, path: told.path, type: told.type };
  }
}

function viewOfEnd(index: number, error: CausewayError): ShareEventView {
  return { ...NOTHING, index, kind: 'end', error: error.report() };
}
