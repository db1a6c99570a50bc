import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { joinRel, namesOf, parseRelPath, type RelPath, ROOT_PATH, splitRel } from '../../base/path.ts';
import { orAborted } from '../../base/signal.ts';
import type { CreateUploadRequest, UploadView } from '../../contract/upload_schemas.ts';
import type { UploadedFile } from '../../service/ports.ts';
import { below } from '../../transfer/mirror/subtree.ts';
import { DirCache } from '../../tree/dir_cache.ts';
import { writeFully } from '../../tree/files/local_file.ts';
import type { Clock } from '../../world/clock.ts';
import type { Dir } from '../../world/disk.ts';

/** As a browser's user would make them: the copy takes the modes from here. The folder of all uploads is closed to others. */
const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;

export interface UploadParts {
  readonly id: string;
  readonly owner: string;
  readonly request: CreateUploadRequest;
  /** Its own, empty folder; closed with it. */
  readonly dir: Dir;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/** Files that one user sends, as they come, until a copy is made of them. */
export class Upload {
  readonly id: string;
  readonly owner: string;
  readonly request: CreateUploadRequest;
  readonly #dir: Dir;
  readonly #dirs: DirCache;
  readonly #clock: UploadParts['clock'];
  readonly #over = new AbortController();
  readonly #writing = new Set<Promise<void>>();
  /** First components of all that is there. */
  readonly #tops = new Set<string>();
  #entries = 0;
  #begunFiles = 0;
  #takenBytes = 0;
  #receivedFiles = 0;
  #receivedBytes = 0;
  #touchedMs: number;
  #isClaimed = false;
  /** A part of a file could not be removed: it must not be copied. */
  #isSpoilt = false;

  constructor({ id, owner, request, dir, clock }: UploadParts) {
    this.id = id;
    this.owner = owner;
    this.request = request;
    this.#dir = dir;
    this.#dirs = new DirCache(dir);
    this.#clock = clock;
    this.#touchedMs = clock.monotonicMs();
  }

  view(): UploadView {
    const { files, bytes } = this.request;
    return {
      id: this.id,
      files,
      bytes,
      receivedFiles: this.#receivedFiles,
      receivedBytes: this.#receivedBytes,
    };
  }

  /** Of what was announced, what has not come yet and needs room. */
  get missingBytes(): number {
    return this.request.bytes - this.#takenBytes;
  }

  /** Nothing has come for longer than is waited for. */
  get isIdle(): boolean {
    return !this.#isClaimed && this.#clock.monotonicMs() - this.#touchedMs > LIMITS.uploadIdleMs.value;
  }

  /** CW_DISK_*, CW_LIMIT, CW_UPLOAD_STATE. */
  async addFolders(paths: readonly string[]): Promise<void> {
    this.refuseClaimed();
    for (const path of paths) await this.#needFolder(parsePath(path));
  }

  /** CW_DISK_*, CW_LIMIT, CW_LINK_CLOSED, CW_UPLOAD_*. */
  async write(file: UploadedFile): Promise<void> {
    this.refuseClaimed();
    const path = parsePath(file.path);
    if (this.#writing.size >= LIMITS.uploadWritersMax.value)
      throw new CausewayError('CW_LIMIT', 'too many files of the upload arrive at this moment');
    if (this.#begunFiles >= this.request.files) throw more('files');
    this.#begunFiles += 1;
    const writing = this.#write(path, file);
    const settled = writing.catch(() => undefined); // whoever has asked is told
    this.#writing.add(settled);
    try {
      await writing;
    } catch (failure) {
      this.#begunFiles -= 1;
      throw failure;
    } finally {
      this.#writing.delete(settled);
    }
  }

  /** Takes nothing more from now on, until `release`. CW_UPLOAD_STATE, CW_USAGE. */
  claim(sources: readonly string[]): void {
    this.refuseClaimed();
    const { files, bytes } = this.request;
    if (this.#isSpoilt) throw new CausewayError('CW_UPLOAD_STATE', 'a part of a file is left in the upload');
    if (this.#writing.size > 0 || this.#receivedFiles !== files || this.#receivedBytes !== bytes)
      throw new CausewayError(
        'CW_UPLOAD_STATE',
        `${this.#receivedFiles} of ${files} files and ${this.#receivedBytes} of ${bytes} bytes have come`,
      );
    const strange = sources.find((name) => !this.#tops.has(name));
    if (strange !== undefined)
      throw new CausewayError('CW_USAGE', `the upload has no ${JSON.stringify(strange)} at its top`);
    this.#isClaimed = true;
  }

  /** CW_UPLOAD_STATE. */
  refuseClaimed(): void {
    if (this.#isClaimed) throw new CausewayError('CW_UPLOAD_STATE', 'a copy is made of the upload already');
  }

  release(): void {
    this.#isClaimed = false;
    this.#touchedMs = this.#clock.monotonicMs();
  }

  /** All that is there outlives a power cut when it resolves: a copy that is taken up again must not read zeros. */
  async sync(): Promise<void> {
    if (await this.#dir.syncFileSystem()) return;
    for await (const { path, stat } of below(this.#dirs, ROOT_PATH)) {
      if (stat.kind === 'directory') await this.#dirs.use(path, (dir) => dir.sync());
      else
        await this.#dirs.useParent(path, async (dir, name) => {
          await using file = await dir.openFile(name, 'write');
          await file.datasync();
        });
    }
    await this.#dir.sync();
  }

  /** Ends what is still arriving. */
  async close(): Promise<void> {
    this.#over.abort(new CausewayError('CW_UPLOAD_UNKNOWN', 'the upload was removed'));
    await Promise.all(this.#writing);
    await this.#dirs[Symbol.asyncDispose]();
    await this.#dir.close();
  }

  async #write(path: RelPath, { mtimeMs, body }: UploadedFile): Promise<void> {
    const { parent } = splitRel(path);
    await this.#needFolder(parent);
    this.#count(path);
    await this.#dirs.useParent(path, async (dir, name) => {
      const file = await dir.openFile(name, 'create', FILE_MODE);
      let taken = 0;
      try {
        for await (const piece of this.#pieces(body)) {
          this.#takenBytes += piece.byteLength;
          taken += piece.byteLength;
          if (this.#takenBytes > this.request.bytes) throw more('bytes');
          await writeFully(file, piece, taken - piece.byteLength);
        }
        const mtimeNs = mtimeMs === null ? {} : { mtimeNs: BigInt(mtimeMs) * 1_000_000n };
        await file.setAttrs({ mode: FILE_MODE, ...mtimeNs });
        await file.close();
        this.#receivedFiles += 1;
        this.#receivedBytes += taken;
      } catch (failure) {
        this.#takenBytes -= taken;
        this.#isSpoilt = true;
        await file.close().catch(() => undefined); // the failure of the work is what counts
        await dir.removeFile(name);
        this.#isSpoilt = false;
        throw failure;
      }
    });
  }

  async *#pieces(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const pieces = body[Symbol.asyncIterator]();
    for (;;) {
      const { done, value } = await orAborted(pieces.next(), this.#over.signal);
      if (done) return;
      this.#touchedMs = this.#clock.monotonicMs();
      yield value;
    }
  }

  /** Makes the folder at `path` and those above it, as far as they are missing. */
  async #needFolder(path: RelPath): Promise<void> {
    let at = ROOT_PATH;
    for (const name of namesOf(path)) {
      const parent = at;
      at = joinRel(at, name);
      const isNew = await this.#dirs.use(parent, (dir) => madeFolder(dir, name));
      if (isNew) this.#count(at);
    }
  }

  #count(path: RelPath): void {
    if (this.#entries >= LIMITS.uploadFilesMax.value)
      throw new CausewayError('CW_LIMIT', 'an upload has no more files and folders than that');
    this.#entries += 1;
    this.#tops.add(namesOf(path)[0]!);
    this.#touchedMs = this.#clock.monotonicMs();
  }
}

/** CW_DISK_NAME. */
function parsePath(text: string): RelPath {
  const path = parseRelPath(text);
  const depth = namesOf(path).length;
  if (depth === 0 || depth > LIMITS.uploadDepthMax.value)
    throw new CausewayError('CW_DISK_NAME', 'the path of a file has 1 to 128 names');
  return path;
}

async function madeFolder(dir: Dir, name: ReturnType<typeof splitRel>['name']): Promise<boolean> {
  try {
    await dir.makeDir(name, FOLDER_MODE);
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_DISK_EXISTS') return false;
    throw failure;
  }
  await dir.setAttrs(name, { mode: FOLDER_MODE });
  return true;
}

function more(what: string): CausewayError {
  return new CausewayError('CW_UPLOAD_STATE', `more ${what} have come than were announced`);
}
