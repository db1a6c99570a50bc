import { LIMITS } from '../../../base/limits.ts';
import { OP } from '../protocol.ts';
import { handleIn } from './answer_frames.ts';
import type { FarCalls } from './far_calls.ts';
import { openBody, releaseBody, syncBody } from './request_frames.ts';

/** Folders over there that are kept open, so that a change of names in them can be made durable without opening them again. */
export class FarFolders {
  readonly #calls: FarCalls;
  readonly #open = new Map<bigint, Promise<bigint>>();

  constructor(calls: FarCalls) {
    this.#calls = calls;
  }

  /** From then on {@link sync} is one request. CW_DISK_*, CW_LINK_CLOSED. */
  async ready(folder: bigint): Promise<void> {
    await this.#handle(folder);
  }

  /** Changes of names that were asked for before are durable when it resolves. CW_DISK_*, CW_LINK_CLOSED. */
  async sync(folder: bigint): Promise<void> {
    const opening = this.#open.get(folder);
    const known = opening === undefined ? null : this.#handles.get(folder);
    // without a turn in between where it is open: it travels with what it is to make durable
    const handle = known ?? (await this.#handle(folder));
    await this.#calls.call(OP.fsyncdir, folder, syncBody(handle, 0));
  }

  release(folder: bigint, handle: bigint): void {
    this.#calls.call(OP.releasedir, folder, releaseBody(handle)).catch(() => undefined); // the server is gone
  }

  /** The server is another one. */
  clear(): void {
    this.#open.clear();
    this.#handles.clear();
  }

  readonly #handles = new Map<bigint, bigint>();

  #handle(folder: bigint): Promise<bigint> {
    const known = this.#open.get(folder);
    if (known !== undefined) {
      this.#open.delete(folder);
      this.#open.set(folder, known); // used last
      return known;
    }
    const opening = this.#calls.call(OP.opendir, folder, openBody(0)).then(
      (body) => {
        const handle = handleIn(body);
        if (this.#open.get(folder) === opening) this.#handles.set(folder, handle);
        return handle;
      },
      (failure) => {
        if (this.#open.get(folder) === opening) this.#open.delete(folder);
        throw failure;
      },
    );
    this.#open.set(folder, opening);
    if (this.#open.size > LIMITS.writeBackFoldersOpenMax.value) this.#closeOldest();
    return opening;
  }

  #closeOldest(): void {
    for (const folder of this.#open.keys()) {
      const handle = this.#handles.get(folder);
      if (handle === undefined) continue; // it is being opened
      this.#open.delete(folder);
      this.#handles.delete(folder);
      this.release(folder, handle);
      return;
    }
  }
}
