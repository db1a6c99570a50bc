import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { RelPath } from '../../base/path.ts';
import type { FileTree, TreeFile } from '../../tree/files/file_tree.ts';
import type { Clock } from '../../world/clock.ts';
import type { Change } from './changes.ts';
import { Commits, type Item } from './commits.ts';
import { bytesOf } from './content.ts';
import { Flusher } from './flusher.ts';
import { Journal, type JournalPlace, type JournalPorts } from './journal.ts';
import { KnownNodes } from './known_nodes.ts';
import type { Extent } from './layer.ts';
import { attrsOf, baseOf, type Op, type StateItem, type WbNode } from './nodes.ts';
import { leadsTo, Overlay, touches } from './overlay.ts';
import { inTurnOf } from './past_writes.ts';
import { Sender } from './sender.ts';
import type { FlushPolicy, WholeFlushPolicy } from './write_policy.ts';

/** What a write-back cache needs of the world. */
export interface WriteBackPorts extends JournalPorts {
  readonly clock: Clock;
}

export interface WriteBackSettings extends FlushPolicy {
  readonly place: JournalPlace;
  /** The far tree as who sends on is to see it, with what others have changed this moment; absent: as it is. */
  readonly asking?: FileTree;
  /** False: what waits is looked at only. */
  readonly sends?: boolean;
  /** Whom new files belong to, until the far tree tells. */
  readonly owner: { readonly userId: number; readonly groupId: number };
}

/** The parts of a write-back cache together: what waits, its journal, and who sends it on. */
export class WriteBack {
  readonly far: FileTree;
  readonly overlay: Overlay;
  readonly known = new KnownNodes();
  readonly flusher: Flusher;
  readonly commits: Commits;
  readonly #journal: Journal;
  readonly #clock: Clock;

  private constructor(
    ports: WriteBackPorts,
    far: FileTree,
    journal: Journal,
    overlay: Overlay,
    settings: WriteBackSettings,
  ) {
    this.far = far;
    this.overlay = overlay;
    this.#journal = journal;
    this.#clock = ports.clock;
    this.commits = new Commits(journal, overlay);
    this.flusher = new Flusher(
      {
        clock: ports.clock,
        journal,
        overlay,
        commits: this.commits,
        sender: new Sender(settings.asking ?? far, journal, {
          wallMs: () => ports.clock.wallMs(),
          isTaken: (path) => overlay.shownAt(path) !== null,
        }),
        onApplied: ({ node }) => this.known.applied(node),
      },
      settings,
    );
  }

  /** Goes on with what an earlier one has left. CW_CACHE_JOURNAL, CW_DISK_*. */
  static async open(
    ports: WriteBackPorts,
    far: FileTree,
    settings: WriteBackSettings,
  ): Promise<{ readonly cache: WriteBack; readonly cutBytes: number }> {
    const overlay = new Overlay(settings.place.name);
    const { lastingIds } = far.caps;
    const { journal, found } = await Journal.open(ports, settings.place, {
      state: (items) => overlay.restore(items as readonly StateItem[]),
      record: (head, place) => overlay.apply(head as Change, place),
    });
    try {
      overlay.forgetLost();
      if (!lastingIds) overlay.forgetIds();
      await journal.rotate(overlay.state());
      await journal.trim(overlay.segments());
    } catch (failure) {
      await journal.close();
      throw failure;
    }
    const cache = new WriteBack(ports, far, journal, overlay, settings);
    if (settings.sends !== false) cache.flusher.start();
    return { cache, cutBytes: found?.cutBytes ?? 0 };
  }

  /** What the journal takes on its disk. */
  get journalBytes(): number {
    return this.#journal.sizeBytes;
  }

  get policy(): WholeFlushPolicy {
    return this.flusher.policy;
  }

  wallMs(): number {
    return Math.floor(this.#clock.wallMs());
  }

  /** What was changed so far survives a power cut when it resolves. CW_DISK_*. */
  async sync(): Promise<void> {
    try {
      await this.#journal.sync();
    } catch (failure) {
      this.flusher.wake(); // what waits is sent on now, and the journal begins anew after it
      throw failure;
    }
  }

  bytesOf(extent: Extent, from: number, to: number): Promise<Uint8Array | null> {
    return bytesOf(this.#journal, extent, from, to);
  }

  /** Notes a change of a node that somebody holds. `before` is called when its turn has come, where nothing of it waits. */
  async change(node: WbNode, form: (ref: number) => Item, before?: () => void): Promise<void> {
    await this.commit(() => {
      if (node.ref === 0) before?.();
      const { items, refs } = this.adopting([node]);
      return [...items, form(refs[0] as number)];
    });
  }

  /** As {@link change}, of an open file: where nothing of it waits, what it is over there now is what this changes. */
  async changeOpen(node: WbNode, form: (ref: number) => Item): Promise<void> {
    if (node.ref !== 0) return this.change(node, form);
    await inTurnOf(node, async () => {
      const before = node.base;
      const there = (await (await this.farFileOf(node))?.node()) ?? null;
      await this.change(node, form, () => {
        if (there === null || node.base !== before) return;
        node.base = baseOf(there);
        node.attrs = attrsOf(there);
      });
    });
  }

  /** As {@link Commits.commit}; whoever sends on is told. */
  async commit(form: () => readonly Item[]): Promise<(WbNode | null)[]> {
    const nodes = await this.commits.commit(form);
    this.flusher.changed();
    return nodes;
  }

  /** Numbers in the journal for nodes that somebody holds, and what has to be noted before those mean something. */
  adopting(nodes: readonly WbNode[]): { readonly items: readonly Item[]; readonly refs: readonly number[] } {
    const items: Item[] = [];
    const refs = nodes.map((node) => {
      if (node.ref !== 0) return node.ref;
      const ref = this.overlay.nextRef + items.length;
      const { kind, far: path, id, base, attrs, target } = node;
      if (path === null || base === null) throw new CausewayError('CW_DISK_NOT_FOUND', 'the file is gone');
      items.push({ change: { do: 'adopt', ref, kind, path, id, base, attrs, target }, live: node });
      return ref;
    });
    return { items, refs };
  }

  /** The file over there of a node that somebody holds; null where there is none. */
  farFileOf(node: WbNode): Promise<TreeFile | null> {
    return this.#opened(node, 'read', () => node.farFile !== null);
  }

  /** The same, for writing. */
  writableFileOf(node: WbNode): Promise<TreeFile | null> {
    return this.#opened(node, 'write', () => node.farFile?.writes === true);
  }

  /** A file that nobody has seen goes away. */
  async discard(node: WbNode): Promise<void> {
    // the journal need not know: a file that was not seen is forgotten at the next start
    await this.commits.inTurn(async () => {
      this.overlay.apply({ do: 'remove', ref: node.ref, atMs: this.wallMs() });
    });
  }

  async release(node: WbNode): Promise<void> {
    const files = this.known.release(node);
    if (node.handles === 0) this.overlay.left(node);
    for (const file of files) await file.close();
  }

  /** Changes that wait now are over there when it resolves. CW_DISK_BUSY where that takes too long: a link that is cut. */
  async sentOn(isWanted: (op: Op) => boolean): Promise<void> {
    const [late, done] = [new AbortController(), new AbortController()];
    const limitMs = LIMITS.writeBackRoomMaxMs.value;
    const timer = this.#clock.sleep(limitMs, done.signal).then(
      () =>
        late.abort(new CausewayError('CW_DISK_BUSY', 'what was changed before could not be sent on in time')),
      () => undefined, // it came in time
    );
    try {
      await this.flusher.flush(late.signal, isWanted);
    } finally {
      done.abort();
      await timer;
    }
  }

  /** Does something in the far tree that concerns these paths, with nothing that waits at them, below, or on the way to them. */
  async through<T>(paths: readonly RelPath[], act: () => Promise<T>): Promise<T> {
    for (let tries = 0; tries < LIMITS.writeBackTriesMax.value; tries += 1) {
      await this.sentOn((op) => paths.some((path) => touches(op, path) || leadsTo(op, path)));
      const done = await this.commits.inTurn(async () => {
        if (paths.some((path) => this.overlay.touches(path))) return null;
        await this.sync(); // also that what waited is over there: it would be made once more, in vain or for others
        return { result: await act() };
      });
      if (done !== null) return done.result;
    }
    throw new CausewayError('CW_DISK_BUSY', 'files below it are written to all the time');
  }

  async #opened(node: WbNode, mode: 'read' | 'write', isOpen: () => boolean): Promise<TreeFile | null> {
    for (let tries = 0; ; tries += 1) {
      if (isOpen()) return node.farFile?.file ?? null;
      const { news } = this.flusher;
      const path = node.far;
      if (path === null) return null;
      try {
        const file = await this.far.open(path, mode);
        if (isOpen()) node.spareFiles.push(file);
        else {
          if (node.farFile !== null) node.spareFiles.push(node.farFile.file);
          node.farFile = { file, writes: mode === 'write' };
        }
      } catch (failure) {
        // its name changes over there at this moment
        const isMoving = node.far !== path || node.ops.some(({ begun }) => begun);
        if (!isMoving || tries >= LIMITS.writeBackTriesMax.value) throw failure;
        if (node.far === path) await news;
      }
    }
  }

  async close(): Promise<void> {
    await this.flusher.close();
    try {
      await this.sync();
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_IO') throw failure;
    } finally {
      await this.#journal.close();
    }
  }
}
