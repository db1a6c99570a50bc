import { DIRECT_METHODS, type DirectFigures, type DirectMethod } from '../../wire/direct_fields.ts';

/** Longer reasons are cut: a path may be part of them. */
const WHY_MAX_CHARACTERS = 300;

/** What took the direct path, by the way it was copied. */
export class DirectTally {
  readonly #shares = new Map<DirectMethod, { files: number; bytes: number }>();
  #backFiles = 0;
  #why: string | null;

  /** `why` nothing can take it; null where it can. */
  constructor(why: string | null) {
    this.#why = why;
  }

  /** A file was copied; it counts for the way by which most of it was. */
  copied(bytesBy: ReadonlyMap<DirectMethod, number>): void {
    let most: DirectMethod | null = null;
    for (const [method, bytes] of bytesBy) {
      const share = this.#shareOf(method);
      share.bytes += bytes;
      if (most === null || bytes > bytesBy.get(most)!) most = method;
    }
    if (most !== null) this.#shareOf(most).files += 1;
  }

  gaveBack(why: string): void {
    this.#backFiles += 1;
    this.#why = why;
  }

  figures(): DirectFigures {
    const methods = DIRECT_METHODS.flatMap((method) => {
      const share = this.#shares.get(method);
      return share ? [{ method, ...share }] : [];
    });
    const why = this.#why?.slice(0, WHY_MAX_CHARACTERS) ?? null;
    return { methods, backFiles: this.#backFiles, why };
  }

  #shareOf(method: DirectMethod): { files: number; bytes: number } {
    let share = this.#shares.get(method);
    if (share === undefined) {
      share = { files: 0, bytes: 0 };
      this.#shares.set(method, share);
    }
    return share;
  }
}
