import { toHex } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { hashBytes } from '../../base/hash.ts';
import { joinAbsolute, parseName } from '../../base/path.ts';
import { StateFile } from '../../config/state_file.ts';
import type { Dir, DiskFile } from '../../world/disk.ts';

/** A build that came over the link. */
export interface StoredBuild {
  readonly id: string;
  readonly version: string;
  readonly sizeBytes: number;
  /** BLAKE3, hex. */
  readonly hash: string;
  /** What was installed when it came: with something else installed since, it counts no more. */
  readonly entryId: string;
  /** Fingerprint of the host that sent it. */
  readonly host: string;
}

export interface TriedBuild extends StoredBuild {
  /** The link is stdin and stdout: each start is one try. Else a parent watches. */
  readonly isCounted: boolean;
  readonly starts: number;
}

export interface UpdateState {
  readonly current: StoredBuild | null;
  readonly trial: TriedBuild | null;
  /** What became of the last one. */
  readonly last: { readonly id: string; readonly why: string | null } | null;
}

const STATE_NAME = 'update.json';
const FOLDER_NAME = 'agent-builds';
const INCOMING_NAME = 'incoming';
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const NOTHING: UpdateState = { current: null, trial: null, last: null };

/** The builds that came over the link, below the data directory of the agent, and which of them is used. */
export class UpdateStore {
  readonly #root: Dir;
  readonly #rootPath: string;
  readonly #file: StateFile;
  #state: UpdateState;

  private constructor(root: Dir, rootPath: string, file: StateFile, state: UpdateState) {
    this.#root = root;
    this.#rootPath = rootPath;
    this.#file = file;
    this.#state = state;
  }

  /** CW_DAEMON_STATE where the file is damaged. */
  static async open(root: Dir, rootPath: string): Promise<UpdateStore> {
    const file = new StateFile(root, rootPath, STATE_NAME);
    const stored = await file.read();
    const state = stored === null ? NOTHING : { ...NOTHING, ...(stored.body as Partial<UpdateState>) };
    return new UpdateStore(root, rootPath, file, state);
  }

  get state(): UpdateState {
    return this.#state;
  }

  /** Durable when it resolves. */
  async save(patch: Partial<UpdateState>): Promise<void> {
    const next = { ...this.#state, ...patch };
    await this.#file.write(next);
    this.#state = next;
  }

  /** The build on trial becomes the current one. */
  async commit(): Promise<void> {
    const { trial } = this.#state;
    if (trial === null) return;
    const { isCounted: _, starts: __, ...current } = trial;
    await this.save({ current, trial: null, last: { id: trial.id, why: null } });
    await this.tidy();
  }

  async rollBack(why: string): Promise<void> {
    const { trial } = this.#state;
    if (trial === null) return;
    await this.save({ trial: null, last: { id: trial.id, why } });
    await this.tidy();
  }

  pathOf({ id }: StoredBuild): string {
    return joinAbsolute(joinAbsolute(this.#rootPath, FOLDER_NAME), fileNameOf(id));
  }

  /** Whether its file is there with the very content that was signed. */
  async isWhole({ id, sizeBytes, hash }: StoredBuild): Promise<boolean> {
    try {
      await using folder = await this.#root.openDir(parseName(FOLDER_NAME));
      return toHex(hashBytes(await readWhole(folder, fileNameOf(id), sizeBytes))) === hash;
    } catch (failure) {
      const { code } = asCausewayError(failure);
      if (code.startsWith('CW_DISK_')) return false; // absent or not to be read: the same for who wants to run it
      throw failure;
    }
  }

  /** An empty file for what comes. The caller closes it. */
  async receive(): Promise<DiskFile> {
    await using folder = await this.#folder();
    await removeIfThere(folder, INCOMING_NAME);
    return folder.openFile(parseName(INCOMING_NAME), 'create', FILE_MODE);
  }

  /** Gives what has come its name, where it is whole; durable when it resolves. False where it is not. */
  async keep(incoming: DiskFile, build: StoredBuild): Promise<boolean> {
    await incoming.datasync();
    await using folder = await this.#folder();
    const bytes = await readWhole(folder, INCOMING_NAME, build.sizeBytes);
    if (bytes.byteLength !== build.sizeBytes || toHex(hashBytes(bytes)) !== build.hash) {
      await removeIfThere(folder, INCOMING_NAME);
      return false;
    }
    await folder.rename(parseName(INCOMING_NAME), folder, parseName(fileNameOf(build.id)));
    await folder.sync();
    await this.#root.sync();
    return true;
  }

  /** Removes what is neither used nor tried. */
  async tidy(): Promise<void> {
    const { current, trial } = this.#state;
    const kept = [current, trial].flatMap((build) => (build === null ? [] : [fileNameOf(build.id)]));
    await using folder = await this.#folder();
    for await (const { name } of folder.list())
      if (name !== null && !kept.includes(name)) await removeIfThere(folder, name);
  }

  async #folder(): Promise<Dir> {
    const name = parseName(FOLDER_NAME);
    try {
      return await this.#root.openDir(name);
    } catch (failure) {
      if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
    }
    await this.#root.makeDir(name, FOLDER_MODE);
    return this.#root.openDir(name);
  }
}

function fileNameOf(id: string): string {
  return `${id}.mjs`;
}

async function removeIfThere(folder: Dir, name: string): Promise<void> {
  try {
    await folder.removeFile(parseName(name));
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
}

/** One byte more than `sizeBytes` is never read: a longer file has another hash anyway. */
async function readWhole(folder: Dir, name: string, sizeBytes: number): Promise<Uint8Array> {
  await using file = await folder.openFile(parseName(name), 'read');
  const { sizeBytes: there } = await file.stat();
  if (there !== sizeBytes) return new Uint8Array(0);
  const bytes = new Uint8Array(sizeBytes);
  let at = 0;
  while (at < sizeBytes) {
    const moved = await file.read(bytes.subarray(at), at);
    if (moved === 0) break;
    at += moved;
  }
  return bytes.subarray(0, at);
}
