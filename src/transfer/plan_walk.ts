import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Name, parseName, type RelPath } from '../base/path.ts';
import { DetailReader } from '../tree/entry_details.ts';
import type { Problem } from '../wire/copy_types.ts';
import { type PlainEntry, type PlanColumns, PlanPageWriter } from '../wire/plan_page.ts';
import type { Dir, Stat } from '../world/disk.ts';
import type { Job, JobContext } from '../world/offload.ts';
import { withCarriedTime } from './carried_time.ts';
import { Exclusion } from './exclusion.ts';
import { specialText, toEntry } from './plan_entry.ts';

/** A folder whose entries are being walked, as it is handed from one piece of work to the next. */
export interface WalkFrame {
  /** Below the root of the walk; the root itself is the empty path. */
  readonly path: string;
  /** Names that are still to come, in order; each block is of some hundred, with NUL between them. */
  readonly blocks: readonly string[];
  /** That there are more blocks than these. */
  readonly goesOn: boolean;
}

/** A file of which there are more names. */
export interface SharedEntry extends Pick<Stat, 'deviceId' | 'inode' | 'linkCount'> {
  /** Place in the page. */
  readonly at: number;
}

export interface WalkedPage {
  readonly page: PlanColumns;
  readonly shared: readonly SharedEntry[];
}

export interface Walked {
  readonly pages: readonly WalkedPage[];
  readonly problems: readonly Problem[];
  /** What is left, the folder that is walked last at the end; none where all is done. Of the frames that were given, only the first block. */
  readonly frames: readonly WalkFrame[];
}

/** Names in one block: what a continuation carries to and fro. */
const BLOCK_NAMES = LIMITS.walkBatchEntries.value;
/** After this time a piece of work ends, so that it is seen that the walk goes on. */
const PIECE_MS = 200;

/**
 * Walks on below `dir` and gives pages of a plan, each folder before what it holds, names in the order of their code
 * units; nothing is followed. `frames` is where an earlier piece of work has ended; none begins the walk. `prefix` is put
 * before each path.
 */
export const planWalkJob: Job<
  {
    readonly dir: Dir;
    readonly prefix: RelPath;
    readonly skipName: string;
    /** Patterns of what is passed over; absent: nothing is. */
    readonly exclude: readonly string[] | undefined;
    readonly frames: readonly WalkFrame[] | null;
  },
  Walked
> = {
  name: 'plan-walk',
  async run({ dir, prefix, skipName, exclude, frames }, context) {
    const exclusion = Exclusion.of(exclude);
    const walk = new PlanWalk({ root: dir, prefix, skipName, exclusion, context });
    try {
      if (frames === null) await walk.enter('', dir);
      else await walk.resume(frames);
      await walk.run();
      return walk.result();
    } finally {
      await walk.close();
    }
  },
};

interface OpenFolder {
  readonly path: string;
  readonly planPath: string;
  readonly dir: Dir;
  readonly details: DetailReader;
  blocks: string[];
  names: string[];
  at: number;
  readonly goesOn: boolean;
}

interface WalkParts {
  readonly root: Dir;
  readonly prefix: string;
  readonly skipName: string;
  readonly exclusion: Exclusion | null;
  readonly context: JobContext;
}

class PlanWalk {
  readonly #parts: WalkParts;
  readonly #stack: OpenFolder[] = [];
  readonly #writer = new PlanPageWriter();
  readonly #pages: WalkedPage[] = [];
  #shared: SharedEntry[] = [];
  readonly #problems: Problem[] = [];
  readonly #plain: PlainEntry = {
    kind: 'file',
    sizeBytes: 0,
    mode: 0,
    mtimeNs: 0n,
    ctimeNs: 0n,
    inode: 0n,
    userId: 0,
    groupId: 0,
  };

  constructor(parts: WalkParts) {
    this.#parts = parts;
  }

  /** Opens the folders that an earlier piece of work was in; one that cannot be opened any more is told of. */
  async resume(frames: readonly WalkFrame[]): Promise<void> {
    for (const { path, blocks, goesOn } of frames) {
      const dir = path === '' ? this.#parts.root : await this.#open(path);
      if (dir === null) return;
      this.#push(path, dir, { blocks: [...blocks], goesOn });
    }
  }

  async run(): Promise<void> {
    const { clock } = this.#parts.context;
    const untilMs = clock.monotonicMs() + PIECE_MS;
    let looked = 0;
    for (let folder = this.#stack.at(-1); folder !== undefined; folder = this.#stack.at(-1)) {
      const name = nextName(folder);
      if (name === null) {
        if (folder.goesOn) return;
        await this.#leave();
        continue;
      }
      const isPassed = this.#parts.exclusion?.excludes(below(folder.path, name), false);
      if (!isPassed && !this.#lookQuickly(folder, name)) await this.#look(folder, name);
      looked += 1;
      const isLate = looked % 64 === 0 && clock.monotonicMs() >= untilMs;
      if (isLate || looked >= LIMITS.walkPieceEntries.value) return;
    }
  }

  result(): Walked {
    if (this.#writer.count > 0) this.#takePage();
    const frames = this.#stack.map(({ path, blocks, names, at, goesOn }) => {
      const rest = names.slice(at).join('\0');
      return { path, blocks: rest === '' ? blocks : [rest, ...blocks], goesOn };
    });
    return { pages: this.#pages, problems: this.#problems, frames };
  }

  async close(): Promise<void> {
    while (this.#stack.length > 0) await this.#leave();
  }

  /** Lists a folder, whose entries come next. */
  async enter(path: string, dir: Dir): Promise<void> {
    try {
      const names = await this.#list(path, dir);
      const blocks: string[] = [];
      for (let at = 0; at < names.length; at += BLOCK_NAMES)
        blocks.push(names.slice(at, at + BLOCK_NAMES).join('\0'));
      this.#push(path, dir, { blocks, goesOn: false });
    } catch (failure) {
      this.#problem(this.#planPath(path), asCausewayError(failure));
      if (path !== '') await dir.close();
    }
  }

  #push(path: string, dir: Dir, rest: Pick<OpenFolder, 'blocks' | 'goesOn'>): void {
    const planPath = this.#planPath(path);
    this.#stack.push({ path, planPath, dir, details: new DetailReader(dir), names: [], at: 0, ...rest });
  }

  async #list(path: string, dir: Dir): Promise<string[]> {
    const { context, skipName } = this.#parts;
    const names = context.whole?.names(dir) ?? null;
    if (names !== null) return names.filter((name) => name !== skipName).sort();
    const found: string[] = [];
    for await (const { name, rawName } of dir.list()) {
      if (rawName === skipName) continue;
      if (name !== null) found.push(name);
      else this.#problem(below(this.#planPath(path), rawName), illegal(rawName));
    }
    return found.sort();
  }

  /** The short way: true where all there is to know of an entry is in the page, or it is gone. Folders take the other one. */
  #lookQuickly({ dir, planPath }: OpenFolder, name: string): boolean {
    const { whole } = this.#parts.context;
    if (whole === null) return false;
    const found = whole.look(dir, name as Name, this.#plain, true);
    if (found !== 'plain') return found === 'gone';
    this.#writer.addPlain(planPath, name, this.#plain);
    if (this.#writer.isFull) this.#takePage();
    return true;
  }

  async #look(folder: OpenFolder, name: string): Promise<void> {
    const { dir, planPath, details } = folder;
    const path = below(planPath, name);
    try {
      const parsed = parseName(name);
      const found = await dir.stat(parsed);
      if (found.kind === 'directory' && this.#parts.exclusion?.excludes(below(folder.path, name), true))
        return;
      if (found.kind === 'other') {
        this.#problems.push({ path, code: 'CW_UNSUPPORTED', message: specialText(found) });
        return;
      }
      const linkTarget = found.kind === 'symlink' ? await dir.readLink(parsed) : '';
      const known = await details.of(parsed, found);
      if (known.fault) this.#problems.push({ path, ...known.fault });
      const stat = withCarriedTime(path, found, this.#problems);
      if (stat === null) return;
      this.#add(stat, toEntry(path, { stat, linkTarget, details: known }));
      if (stat.kind === 'directory') await this.#descend(below(folder.path, name));
    } catch (failure) {
      const error = asCausewayError(failure);
      if (error.code !== 'CW_DISK_NOT_FOUND') this.#problem(path, error); // gone: as if it had never been
    }
  }

  #add(stat: Stat, entry: ReturnType<typeof toEntry>): void {
    const { deviceId, inode, linkCount } = stat;
    if (entry.kind === 'file' && linkCount > 1)
      this.#shared.push({ at: this.#writer.count, deviceId, inode, linkCount });
    this.#writer.add(entry);
    if (this.#writer.isFull) this.#takePage();
  }

  async #descend(path: string): Promise<void> {
    const dir = await this.#open(path);
    if (dir !== null) await this.enter(path, dir);
  }

  /** A folder below the one that is walked. */
  async #open(path: string): Promise<Dir | null> {
    const name = path.slice(path.lastIndexOf('/') + 1) as Name;
    const parent = this.#stack.at(-1)?.dir ?? this.#parts.root;
    try {
      return await parent.openDir(name);
    } catch (failure) {
      this.#problem(this.#planPath(path), asCausewayError(failure));
      return null;
    }
  }

  async #leave(): Promise<void> {
    const folder = this.#stack.pop();
    if (folder !== undefined && folder.path !== '') await folder.dir.close();
  }

  #takePage(): void {
    this.#pages.push({ page: this.#writer.take(), shared: this.#shared });
    this.#shared = [];
  }

  #planPath(path: string): string {
    const { prefix } = this.#parts;
    return path === '' ? prefix : below(prefix, path);
  }

  #problem(path: string, { code, message }: CausewayError): void {
    this.#problems.push({ path, code, message });
  }
}

function nextName(folder: OpenFolder): string | null {
  if (folder.at >= folder.names.length) {
    folder.names = folder.blocks.shift()?.split('\0') ?? [];
    folder.at = 0;
  }
  return folder.names[folder.at++] ?? null;
}

function below(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`;
}

function illegal(rawName: string): CausewayError {
  return new CausewayError('CW_COPY_NAME_ILLEGAL', `the name ${rawName} is not valid UTF-8`);
}
