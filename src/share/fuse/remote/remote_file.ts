import { CausewayError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import type { TreeFile, TreeNode } from '../../../tree/files/file_tree.ts';
import { FarFailure } from '../errnos.ts';
import { OP } from '../protocol.ts';
import { attrsIn, writtenIn } from './answer_frames.ts';
import type { FarCalls } from './far_calls.ts';
import { getattrBody, readBody, releaseBody, setattrBody, syncBody, writeBody } from './request_frames.ts';

const DATA_ONLY = 1;

/** What a server over there knows an open file by. */
export interface FarHandle {
  readonly id: bigint;
  readonly handle: bigint;
  readonly generation: number;
}

/** What a file needs of its tree. */
export interface RemoteFileTree {
  readonly calls: FarCalls;
  /** Opens it again for a server that does not know it. CW_DISK_NOT_FOUND where it is another file by now. */
  readonly reopen: (file: RemoteFile) => Promise<FarHandle>;
  /** Puts it under its name, where it has none yet. */
  readonly place: ((file: RemoteFile) => Promise<void>) | null;
  /** Told of what this side has changed, and of the end. */
  readonly changed: (id: bigint) => void;
  readonly closed: (file: RemoteFile) => Promise<void>;
}

/** An open file of a {@link RemoteTree}. Writes are on their way while the next ones are made; who publishes waits for all. */
export class RemoteFile implements TreeFile {
  readonly #tree: RemoteFileTree;
  readonly isWritable: boolean;
  /** Where it stands, or is to stand. */
  path: string;
  #at: FarHandle;
  #known: string;
  #isPlaced: boolean;
  #isOpen = true;
  #ahead = new Set<Promise<void>>();
  #aheadBytes = 0;
  #failure: unknown = null;

  constructor(
    tree: RemoteFileTree,
    at: FarHandle,
    {
      path,
      known,
      isWritable,
    }: { readonly path: string; readonly known: string; readonly isWritable: boolean },
  ) {
    this.#tree = tree;
    this.#at = at;
    this.path = path;
    this.#known = known;
    this.isWritable = isWritable;
    this.#isPlaced = tree.place === null;
  }

  /** Its identity over there. */
  get identity(): string {
    return this.#known;
  }

  get id(): bigint {
    return this.#at.id;
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    await this.#drained();
    let done = 0;
    while (done < into.byteLength) {
      const wanted = Math.min(into.byteLength - done, LIMITS.mountReadMaxBytes.value);
      const bytes = await this.#asked(({ id, handle }) =>
        this.#tree.calls.call(OP.read, id, readBody(handle, BigInt(offset + done), wanted)),
      );
      into.set(bytes.subarray(0, wanted), done);
      done += bytes.byteLength;
      if (bytes.byteLength < wanted) break;
    }
    return done;
  }

  async write(bytes: Uint8Array, offset: number): Promise<void> {
    const step = LIMITS.mountWriteMaxBytes.value;
    for (let at = 0; at < bytes.byteLength; at += step) {
      const piece = bytes.subarray(at, at + step);
      while (this.#aheadBytes > 0 && this.#aheadBytes + piece.byteLength > 2 * step)
        await Promise.race(this.#ahead);
      this.#check();
      this.#goAhead(piece, offset + at);
    }
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#drained();
    await this.#asked(({ id }) => this.#tree.calls.call(OP.setattr, id, setattrBody({ sizeBytes })));
    this.#tree.changed(this.id);
  }

  async publish(): Promise<TreeNode> {
    await this.#drained();
    const sync = () =>
      this.#asked(({ id, handle }) => this.#tree.calls.call(OP.fsync, id, syncBody(handle, DATA_ONLY)));
    if (!this.#isPlaced) {
      await sync();
      await this.#tree.place?.(this);
      this.#isPlaced = true;
      return this.node();
    }
    const [, node] = await Promise.all([sync(), this.node()]);
    return node;
  }

  async node(): Promise<TreeNode> {
    await this.#drained();
    const body = await this.#asked(({ id }) => this.#tree.calls.call(OP.getattr, id, getattrBody()));
    return attrsIn(body).node;
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await Promise.allSettled(this.#ahead);
    const { id, handle, generation } = this.#at;
    if (generation === this.#tree.calls.generation)
      this.#tree.calls.call(OP.release, id, releaseBody(handle)).catch(() => undefined); // the server is gone, and the file with it
    await this.#tree.closed(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get isPlaced(): boolean {
    return this.#isPlaced;
  }

  #goAhead(piece: Uint8Array, offset: number): void {
    const { byteLength } = piece;
    const bytes = piece.slice(); // the caller may write to its memory again
    const writing = this.#asked(({ id, handle }) =>
      this.#tree.calls.call(OP.write, id, writeBody(handle, BigInt(offset), byteLength), bytes),
    ).then(
      (body) => {
        if (writtenIn(body) < byteLength)
          this.#failure ??= new CausewayError(
            'CW_DISK_FULL',
            'the other machine took a part of a write only',
          );
      },
      (failure) => {
        this.#failure ??= failure;
      },
    );
    this.#aheadBytes += byteLength;
    this.#ahead.add(writing);
    void writing.then(() => {
      this.#ahead.delete(writing);
      this.#aheadBytes -= byteLength;
    });
    this.#tree.changed(this.id);
  }

  async #drained(): Promise<void> {
    while (this.#ahead.size > 0) await Promise.all(this.#ahead);
    this.#check();
  }

  /** What went wrong with a write stays so: what the file holds is not known any more. */
  #check(): void {
    if (this.#failure !== null) throw this.#failure;
    if (!this.#isOpen) throw new CausewayError('CW_DISK_IO', 'the file is closed');
  }

  /** Asks; where the server has ended since it was opened, once more with what the new one knows it by. */
  async #asked(ask: (at: FarHandle) => Promise<Uint8Array>): Promise<Uint8Array> {
    const { calls } = this.#tree;
    const isOurs = () => this.#at.generation === calls.generation;
    try {
      if (isOurs()) return await ask(this.#at);
    } catch (failure) {
      if (!(failure instanceof FarFailure && failure.isStale) || isOurs()) throw failure;
    }
    if (!this.#isPlaced)
      throw new CausewayError('CW_LINK_CLOSED', 'the other machine has forgotten the file');
    this.#at = await this.#tree.reopen(this);
    return ask(this.#at);
  }
}
