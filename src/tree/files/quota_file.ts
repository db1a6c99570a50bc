import type { TreeFile, TreeNode } from './file_tree.ts';
import type { QuotaLedger } from './quota_ledger.ts';

/** A file that many may have open: what it grows by is charged before it is written. */
export class QuotaFile implements TreeFile {
  readonly #file: TreeFile;
  readonly #ledger: QuotaLedger;
  readonly #owner: number;

  constructor(file: TreeFile, ledger: QuotaLedger, owner = ledger.unmarked) {
    this.#file = file;
    this.#ledger = ledger;
    this.#owner = owner;
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return this.#file.read(into, offset);
  }

  write(bytes: Uint8Array, offset: number): Promise<void> {
    return this.#resizing(
      (sizeBytes) => Math.max(sizeBytes, offset + bytes.byteLength),
      () => this.#file.write(bytes, offset),
    );
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#resizing(
      () => sizeBytes,
      () => this.#file.truncate(sizeBytes),
    );
  }

  publish(): Promise<TreeNode> {
    return this.#file.publish();
  }

  node(): Promise<TreeNode> {
    return this.#file.node();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One change of size at a time: what another one has made of the file meanwhile must not be charged twice. */
  #resizing(resized: (sizeBytes: number) => number, change: () => Promise<void>): Promise<void> {
    return this.#ledger.inTurn(async () => {
      const before = await this.#file.node();
      const counts = before.linkCount > 0; // a removed file has been given back already
      const growth = resized(before.sizeBytes) - before.sizeBytes;
      if (counts) this.#ledger.charge(Math.max(0, growth), this.#owner);
      try {
        await change();
        if (counts && growth < 0) this.#ledger.charge(growth, this.#owner);
      } catch (failure) {
        const { sizeBytes } = await this.#file.node();
        if (counts) this.#ledger.settle(sizeBytes - before.sizeBytes - Math.max(0, growth), this.#owner);
        throw failure;
      }
    });
  }
}

/** What stands under a name now: what goes with it, and whose it is. */
export interface Standing {
  readonly isThere: boolean;
  /** Bytes that are given back with the last name of it. */
  readonly sizeBytes: number;
  readonly owner: number;
}

/** Where a file is to stand, and whose it is where nothing stands there. */
export interface ReplacedPlace {
  readonly standing: () => Promise<Standing>;
  readonly owner: number;
  /** Null: files of that owner have no mark. */
  readonly mark: { readonly name: string; readonly value: Uint8Array } | null;
}

/**
 * A file that nobody else sees before it takes the place of another one: charged with what it has more than that, to
 * the owner of that, or to who makes it where nothing is there.
 */
export class QuotaReplacement implements TreeFile {
  readonly #file: TreeFile;
  readonly #ledger: QuotaLedger;
  readonly #place: ReplacedPlace;
  readonly #replacedBytes: number;
  #owner: number;
  #sizeBytes = 0;
  #chargedBytes = 0;
  #placed: QuotaFile | null = null;

  /** `before` is what stood there at the start. */
  constructor(file: TreeFile, ledger: QuotaLedger, place: ReplacedPlace, before: Standing) {
    this.#file = file;
    this.#ledger = ledger;
    this.#place = place;
    this.#replacedBytes = before.sizeBytes;
    this.#owner = before.isThere ? before.owner : place.owner;
  }

  read(into: Uint8Array, offset: number): Promise<number> {
    return this.#file.read(into, offset);
  }

  async write(bytes: Uint8Array, offset: number): Promise<void> {
    if (this.#placed) return this.#placed.write(bytes, offset);
    this.#charge(Math.max(this.#sizeBytes, offset + bytes.byteLength));
    await this.#file.write(bytes, offset);
  }

  async truncate(sizeBytes: number): Promise<void> {
    if (this.#placed) return this.#placed.truncate(sizeBytes);
    this.#charge(sizeBytes);
    await this.#file.truncate(sizeBytes);
  }

  async publish(): Promise<TreeNode> {
    if (this.#placed) return this.#placed.publish();
    return this.#ledger.inTurn(async () => {
      const there = await this.#place.standing();
      const owner = there.isThere ? there.owner : this.#place.owner;
      const due = this.#sizeBytes - there.sizeBytes;
      this.#moveCharge(owner);
      const missing = Math.max(0, due - this.#chargedBytes); // what stands there has become smaller meanwhile
      this.#ledger.reserve(missing, owner);
      this.#chargedBytes += missing;
      const { mark } = this.#place;
      if (mark !== null && !there.isThere) await this.#file.mark?.(mark.name, mark.value);
      const node = await this.#file.publish();
      this.#ledger.settle(due - this.#chargedBytes, owner);
      this.#ledger.unreserve(this.#chargedBytes, owner);
      this.#chargedBytes = 0;
      this.#placed = new QuotaFile(this.#file, this.#ledger, owner);
      return node;
    });
  }

  node(): Promise<TreeNode> {
    return this.#file.node();
  }

  async close(): Promise<void> {
    this.#giveBack();
    await this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #giveBack(): void {
    this.#ledger.settle(-this.#chargedBytes, this.#owner);
    this.#ledger.unreserve(this.#chargedBytes, this.#owner);
    this.#chargedBytes = 0;
  }

  /** What stands there has become somebody else's since the upload began. */
  #moveCharge(owner: number): void {
    if (owner === this.#owner) return;
    this.#giveBack();
    this.#owner = owner;
  }

  #charge(sizeBytes: number): void {
    const due = Math.max(0, sizeBytes - this.#replacedBytes);
    this.#ledger.reserve(due - this.#chargedBytes, this.#owner);
    this.#chargedBytes = due;
    this.#sizeBytes = sizeBytes;
  }
}
