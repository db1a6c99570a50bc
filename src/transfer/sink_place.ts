import { toHex } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { parseRelPath, type RelPath, resolveAbsolute, splitAbsolute } from '../base/path.ts';
import { throwIfAborted } from '../base/signal.ts';
import { DirCache } from '../tree/dir_cache.ts';
import { type NameRules, POSIX_NAMES } from '../tree/names/name_rules.ts';
import type { CopyOptions, PlanEntry, Problem, RootInfo, UndoFigures } from '../wire/copy_types.ts';
import type { Dir, Disk, DiskFile, Stat } from '../world/disk.ts';
import type { World } from '../world/world.ts';
import { type AskSums, ContentCheck } from './checksum/content_check.ts';
import { type Destination, resolveDestination, targetOf } from './destination.ts';
import { Exclusion } from './exclusion.ts';
import { FreshFolders } from './fresh_folders.ts';
import { makeHardLinks } from './hard_links.ts';
import type { KnownBases } from './known/known_bases.ts';
import { ReferenceFolder } from './link_dest/reference.ts';
import type { LaneAcceptor } from './link_ports.ts';
import { LookAhead } from './look_ahead.ts';
import { MetadataRules } from './metadata.ts';
import { mirror } from './mirror/mirror.ts';
import { isPlain } from './name_probe.ts';
import { namesIn, probeFolder, removeLeftProbe } from './name_rules_there.ts';
import { Ownership } from './ownership.ts';
import { discardPartial, discardStalePartials, PartialStore, removeFolderIfEmpty } from './partial_store.ts';
import type { ReadBack } from './read_back.ts';
import type { SinkFile } from './sink_files.ts';
import {
  type FolderMaking,
  finishFolders,
  folderAbove,
  isFolderSettled,
  makeFolders,
} from './sink_folders.ts';
import { copiedNote, noReferenceNote } from './sink_notes.ts';
import { MARK, type NumberedEntry, type Placed, type SinkPlan } from './sink_plan.ts';
import { type Making, makeSymlinks, preflight } from './sink_prepare.ts';
import { checkClaims, type JournalClaims, readClaims, takeClaims } from './sink_recovery.ts';
import { SinkWriter } from './sink_writer.ts';
import { knowsHoles } from './sparse_read.ts';
import type { StageMeter } from './stage_meter.ts';
import { ALL_FIT, checkNames, type NameVerdict, TargetNames, verdictOf } from './target_names.ts';
import { fileKeyOf } from './temporary_name.ts';
import { type FoundFiles, markUnchanged } from './unchanged.ts';
import { UndoKeeper } from './undo/keeper.ts';
import { VersionsThere } from './versions_there.ts';

export interface PlaceParams {
  readonly world: World;
  readonly transferId: Uint8Array;
  readonly destination: string;
  readonly options: Pick<
    CopyOptions,
    | 'chunkBytes'
    | 'ignoreTimes'
    | 'checksum'
    | 'linkDest'
    | 'wholeFile'
    | 'onClash'
    | 'owner'
    | 'idMappings'
    | 'exclude'
    | 'mirror'
    | 'undo'
  >;
  readonly lanes: Pick<LaneAcceptor, 'authenticated'>;
  readonly known: KnownBases | null;
  /** Aborted once the copy is over: what goes through the whole plan ends then. */
  readonly signal: AbortSignal;
  /** Told of files that are in place and lack something. */
  readonly onProblem: (problem: Problem) => void;
}

/** Where one copy goes: its folder, and what is kept beside it while it is not complete. */
export class SinkPlace {
  readonly #params: PlaceParams;
  readonly #destination: Destination;
  readonly #root: Dir;
  /** As it was before anything was made in it, be it to try out names. */
  readonly #rootBefore: Stat;
  readonly #dirs: DirCache;
  readonly #versions: VersionsThere;
  readonly #meter: StageMeter;
  /** The folder that the entries go into, where the copy itself makes it. */
  #above: Placed | null = null;
  #store: PartialStore | null = null;
  #claims: JournalClaims | null = null;
  #writer: SinkWriter | null = null;
  #rules: MetadataRules | null = null;
  #undo: UndoKeeper | null = null;
  #reference: ReferenceFolder | null = null;
  #holes = false;
  #fresh = new FreshFolders();
  readonly #ahead: LookAhead;
  readonly #names = new TargetNames();
  #nameRules: NameRules = POSIX_NAMES;
  readonly #notes: string[] = [];
  #probeIsLeft = false;

  private constructor(
    params: PlaceParams,
    destination: Destination,
    { dir: root, before }: { readonly dir: Dir; readonly before: Stat },
    meter: StageMeter,
  ) {
    this.#params = params;
    this.#destination = destination;
    this.#root = root;
    this.#rootBefore = before;
    this.#dirs = new DirCache(root);
    this.#versions = new VersionsThere(this.#dirs);
    this.#ahead = new LookAhead({ root, offload: params.world.offload, meter });
    this.#meter = meter;
  }

  /** Decides where the copy goes and opens that folder. Makes nothing. Throws CW_COPY_*, CW_DISK_*. */
  static async resolve(
    params: PlaceParams,
    roots: readonly RootInfo[],
    meter: StageMeter,
  ): Promise<SinkPlace> {
    if (params.options.mirror && (roots.length !== 1 || roots[0]!.kind !== 'directory'))
      throw new CausewayError('CW_USAGE', 'a copy that deletes (--delete) needs one folder as its source');
    const destination = await resolveDestination(
      params.world.disk,
      params.destination,
      roots,
      params.transferId,
    );
    const root = await openedRoot(params.world.disk, destination.folder);
    const place = new SinkPlace(params, destination, root, meter);
    await place.#openReference(roots);
    if (destination.prefix !== '')
      place.#above = folderAbove(destination.prefix as RelPath, params.world.clock.wallMs());
    return place;
  }

  get writer(): SinkWriter {
    return this.#writer!;
  }

  /** What is kept of what the copy replaces; null where nothing is. */
  get undo(): UndoFigures | null {
    return this.#undo?.figures ?? null;
  }

  /** In words, where the journal of an earlier attempt was damaged. */
  get journalDamage(): string | null {
    return this.#claims?.damage ?? null;
  }

  /** Where an entry of the plan goes. Throws CW_DISK_NAME, CW_COPY_NAME_ILLEGAL. */
  targetOf(entry: Pick<PlanEntry, 'path'>): RelPath {
    return this.#names.of(targetOf(this.#destination, entry.path));
  }

  /** Whether entries have other names there than in the plan. */
  get isRenamed(): boolean {
    return this.#names.isRenamed;
  }

  /** Looks at the names of the plan, as the destination is found to take them; nothing of that is left there. CW_LIMIT. */
  async checkNames(plan: SinkPlan): Promise<NameVerdict> {
    const { world, options, transferId } = this.#params;
    const { onClash = 'fail' } = options;
    const { rules, keepsCase, isLeft } = await probeFolder(this.#root, transferId, world);
    this.#probeIsLeft = isLeft;
    this.#nameRules = rules;
    if (isPlain(rules)) return ALL_FIT;
    const canClash = (rules.case !== 'exact' || rules.formInsensitive) && keepsCase;
    const faults = await checkNames({
      plan,
      rules,
      onClash,
      prefix: this.#destination.prefix,
      existing: async (folder) => (canClash ? namesIn(this.#dirs, parseRelPath(folder)) : []),
      names: this.#names,
      untilOver: (items) => this.#untilOver(items),
    });
    return verdictOf(faults, onClash, this.#names);
  }

  /** Pre-flight, then the partial store. Throws CW_COPY_* with nothing made. Gives the free bytes. */
  async begin(plan: SinkPlan): Promise<number> {
    const kept = await this.#keptBytes();
    // what an earlier copy has of it needs no space: that is known once it was looked at
    const needs = this.#reference === null ? plan : { largest: plan.largest, bytes: 0, dataBytes: 0 };
    const freeBytes = await preflight(this.#root, this.#destination.folder, needs, kept);
    await discardStalePartials(this.#root, this.#params.world.clock.wallMs());
    await this.#beginUndo();
    await this.#tidyAbove();
    await this.#openStore();
    return freeBytes;
  }

  async #checkSpace(plan: SinkPlan, foundBytes: number): Promise<void> {
    if (this.#reference === null) return;
    const kept = (await this.#keptBytes()) + foundBytes;
    await preflight(this.#root, this.#destination.folder, plan, kept);
  }

  async #openReference(roots: readonly RootInfo[]): Promise<void> {
    const { options, world, destination } = this.#params;
    if (options.linkDest === undefined) return;
    const { prefix, rename } = this.#destination;
    const isNested = prefix !== '' || (rename !== '' && roots[0]?.kind === 'directory');
    const { homeDirectory } = world.process.info;
    const path = resolveAbsolute(homeDirectory, options.linkDest);
    const parts = { disk: world.disk, path, destination, root: this.#root, isNested };
    try {
      this.#reference = await ReferenceFolder.open(parts);
    } catch (failure) {
      await this.close();
      throw failure;
    }
    if (this.#reference === null) this.#notes.push(noReferenceNote(path));
  }

  async freeBytes(): Promise<number> {
    return (await this.#root.space()).freeBytes;
  }

  /** Looks at what stands where the entries go that came last. */
  async lookAhead({ added }: SinkPlan): Promise<void> {
    if (added !== null && !this.#params.options.ignoreTimes) await this.#ahead.take(added);
  }

  /** Finds what of the files the destination has already, and marks those that it has as they are planned. */
  async markUnchanged(plan: SinkPlan, ask: AskSums): Promise<FoundFiles> {
    const { signal, world, options } = this.#params;
    const where = { root: this.#root, dirs: this.#dirs, offload: world.offload };
    const { chunkBytes, ignoreTimes, wholeFile, checksum } = options;
    const undo = this.#undo;
    const meter = this.#meter;
    const contents =
      checksum && !ignoreTimes
        ? new ContentCheck({ ...where, meter, chunkBytes, holes: this.#holes, ask, signal })
        : null;
    const found = await markUnchanged(plan, {
      ...where,
      meter,
      contents,
      linking: this.#reference && { reference: this.#reference, store: this.#store!.dir },
      rules: this.#rules!,
      undo,
      versions: this.#versions,
      fresh: this.#fresh,
      ahead: ignoreTimes ? null : this.#ahead,
      ignoreTimes,
      wholeFile,
      signal,
    });
    if (contents?.note) this.#notes.push(contents.note);
    await this.#checkSpace(plan, found.bytes);
    return found;
  }

  /** Opens the version of a file that stands at the destination. */
  openThere(file: NumberedEntry): Promise<DiskFile> {
    return this.#versions.open(file);
  }

  /** Files of which an earlier attempt has left anything. */
  *claimed(plan: SinkPlan): Generator<NumberedEntry> {
    const { byKey } = this.#claims!;
    if (byKey.size === 0) return;
    for (const page of this.#untilOver(plan.pages(MARK.file, MARK.emptyFile)))
      for (const file of page) if (byKey.has(toHex(fileKeyOf(file.target)))) yield file;
  }

  /** Takes up what an earlier attempt has left of a file. What is claimed has to be looked at by {@link checkClaims}. */
  takeClaims(
    file: SinkFile,
    on: { inPlace: () => void; claimed: (index: number, hash: Uint8Array) => void },
  ): Promise<void> {
    const parts = { claims: this.#claims!, writer: this.writer, dirs: this.#dirs, readBack: this.#readBack };
    return takeClaims({ ...parts, ...on }, file);
  }

  checkClaims(
    file: SinkFile,
    on: { isOver: () => boolean; looked: (good: readonly number[], bad: readonly number[]) => void },
  ): Promise<void> {
    return checkClaims({ writer: this.writer, readBack: this.#readBack, ...on }, file);
  }

  get #readBack(): ReadBack {
    const { options, world } = this.#params;
    return {
      meter: this.#meter,
      chunkBytes: options.chunkBytes,
      offload: world.offload,
      holes: this.#holes,
    };
  }

  async makeFolders(plan: SinkPlan, onProblem: Making['onProblem']): Promise<void> {
    await this.#ahead.settled();
    const isSettled = (folder: Placed) => this.#isSettled(plan, folder);
    await this.#meter.run('publish', 0, async () =>
      this.#undo?.folders(this.#folders(plan), this.#rules!, isSettled),
    );
    this.#fresh = await makeFolders(this.#folders(plan), this.#folderMaking(onProblem), isSettled);
  }

  makeSymlinks(plan: SinkPlan, onProblem: Making['onProblem']): Promise<void> {
    const links = this.#untilOver(plan.marked(MARK.symlink));
    const parts = { store: this.#store!, undo: this.#undo };
    return makeSymlinks(links, parts, this.#making(onProblem));
  }

  /** Makes the further names of files that are in place. */
  async makeHardLinks(plan: SinkPlan, onProblem: Making['onProblem']): Promise<void> {
    const links = this.#untilOver(plan.marked(MARK.hardLink));
    const { offload } = this.#params.world;
    const parts = { ...this.#making(onProblem), store: this.#store!, undo: this.#undo };
    const copied = await makeHardLinks(links, { ...parts, offload, plan });
    if (copied > 0) this.#notes.push(copiedNote(copied));
  }

  /** In words, what is worth knowing of what was done, and which metadata no entry could keep. */
  notes(): string[] {
    return [...this.#notes, ...(this.#rules?.notes() ?? [])];
  }

  /** Deletes what the source does not have, where the copy is to be a mirror of it. */
  async mirror(plan: SinkPlan, missed: readonly Problem[], onProblem: Making['onProblem']): Promise<void> {
    if (!this.#params.options.mirror) return;
    const { prefix, contents } = this.#destination;
    const note = await mirror(this.#untilOver(plan.all()), {
      entries: plan.entries,
      missed,
      dirs: this.#dirs,
      root: this.#root,
      top: contents ? parseRelPath(prefix) : null,
      rules: this.#nameRules,
      exclusion: Exclusion.of(this.#params.options.exclude),
      targetOf: (path) => this.#names.of(targetOf(this.#destination, path)),
      meter: this.#meter,
      undo: this.#undo,
      onProblem,
    });
    if (note !== null) this.#notes.push(note);
  }

  async finishFolders(plan: SinkPlan, onProblem: Making['onProblem']): Promise<void> {
    const making = this.#folderMaking(onProblem);
    await finishFolders(this.#untilOver(plan.markedBackwards(MARK.folder)), making, this.#fresh);
    if (this.#above) await finishFolders([this.#above], making, this.#fresh);
  }

  /** Removes what is kept of this copy. */
  async discard(): Promise<void> {
    await this.#writer?.close();
    const store = this.#store;
    this.#store = null;
    if (this.#probeIsLeft) await removeLeftProbe(this.#root, this.#params.transferId);
    await store?.remove();
  }

  async close(): Promise<void> {
    await this.#ahead.close();
    await this.#writer?.close();
    await this.#store?.close();
    await this.#undo?.close();
    await this.#reference?.[Symbol.asyncDispose]();
    await this.#dirs[Symbol.asyncDispose]();
    await this.#root.close();
  }

  #making(onProblem: Making['onProblem']): Making {
    return { dirs: this.#dirs, meter: this.#meter, rules: this.#rules!, onProblem };
  }

  #folderMaking(onProblem: Making['onProblem']): FolderMaking {
    const { offload } = this.#params.world;
    return { ...this.#making(onProblem), root: this.#root, offload };
  }

  /** Whether a folder was seen as the copy leaves it. */
  #isSettled(plan: SinkPlan, folder: Placed & { readonly index?: number }): boolean {
    if (folder.index === undefined || plan.isRenamed) return false;
    return isFolderSettled(folder, this.#ahead.of(folder.index), this.#rules!);
  }

  /** All folders of the copy, parents first. */
  *#folders(plan: SinkPlan): Generator<Placed> {
    if (this.#above) yield this.#above;
    yield* this.#untilOver(plan.marked(MARK.folder));
  }

  *#untilOver<T>(items: Iterable<T>): Generator<T> {
    for (const item of items) {
      throwIfAborted(this.#params.signal);
      yield item;
    }
  }

  /**
   * An attempt that began before the destination's folder existed has kept its data one folder higher. That they are gone
   * is made stable before anything is kept here: if they came back after a power cut, what is here would be forgotten.
   */
  async #tidyAbove(): Promise<void> {
    const { folder, name } = splitAbsolute(this.#params.destination);
    if (name === '' || folder === this.#destination.folder) return;
    try {
      await using above = await this.#params.world.disk.openRoot(folder);
      await discardPartial(above, this.#params.transferId);
      await above.sync(); // an earlier removal may not have been flushed
    } catch (failure) {
      const { code } = asCausewayError(failure);
      if (code !== 'CW_DISK_PERMISSION' && code !== 'CW_DISK_READ_ONLY') throw failure; // no place for a copy's data
    }
  }

  async #beginUndo(): Promise<void> {
    const { world, options, destination } = this.#params;
    if (options.undo === undefined) return;
    const { id: undoId, required } = options.undo;
    const mode = required ? 'require' : 'auto';
    this.#undo = new UndoKeeper({
      world,
      root: this.#root,
      dirs: this.#dirs,
      undoId,
      destination,
      mode,
      chunkBytes: options.chunkBytes,
    });
    await this.#undo.begin(this.#rootBefore);
  }

  /** Bytes that an earlier attempt has put there: they need no space again. */
  async #keptBytes(): Promise<number> {
    return PartialStore.sizeOf(this.#root, this.#params.transferId);
  }

  async #openStore(): Promise<void> {
    const { transferId, options, destination } = this.#params;
    try {
      const { store, journalBytes } = await PartialStore.open(this.#root, transferId);
      this.#store = store;
      this.#claims = await readClaims(store, journalBytes);
      if (this.#claims.byKey.size === 0)
        store.append({ type: 'header', transferId, source: '', destination });
      this.#holes = knowsHoles(await this.#root.space());
      this.#rules = await this.#metadataRules(store);
      this.#writer = new SinkWriter({
        root: this.#root,
        dirs: this.#dirs,
        store,
        meter: this.#meter,
        chunkBytes: options.chunkBytes,
        offload: this.#params.world.offload,
        memoryBytes: this.#params.world.process.info.memoryBytes,
        checkArrival: !this.#params.lanes.authenticated,
        holes: this.#holes,
        describing: { rules: this.#rules, onProblem: this.#params.onProblem },
        undo: this.#undo,
        versions: this.#versions,
        known: this.#params.known,
      });
    } catch (failure) {
      const error = asCausewayError(failure);
      await removeFolderIfEmpty(this.#root).catch(() => undefined); // the first failure is the one to tell
      if (error.code === 'CW_DISK_PERMISSION' || error.code === 'CW_DISK_READ_ONLY') {
        const { folder } = this.#destination;
        throw new CausewayError(
          'CW_COPY_DEST_READ_ONLY',
          `nothing can be written in ${folder}: ${error.message}`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  async #metadataRules(store: PartialStore): Promise<MetadataRules> {
    const { options, world } = this.#params;
    const processUserId = world.process.info.userId;
    const ownership = new Ownership({
      options,
      processUserId,
      fileSystem: (await this.#root.space()).fileSystem,
      possible: this.#root.caps.owners,
      made: await store.dir.self(), // what is made in a folder that we made has the same owner and group
    });
    return new MetadataRules(ownership, processUserId === 0);
  }
}

async function openedRoot(disk: Disk, folder: string): Promise<{ readonly dir: Dir; readonly before: Stat }> {
  const dir = await disk.openRoot(folder);
  try {
    return { dir, before: await dir.self() };
  } catch (failure) {
    await dir.close();
    throw failure;
  }
}
