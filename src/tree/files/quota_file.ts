import type { TreeFile, TreeNode } from './file_tree.ts';
import type { QuotaLedger } from './quota_ledger.ts';

/** A file that many may have open: what it grows by is charged before it is written. */
export class QuotaFile implements TreeFile {
  readonly #file: TreeFile;
  readonly #ledger: QuotaLedger;

  constructor(file: TreeFile, ledger: QuotaLedger) {
    this.#file = file;
    this.#ledger = ledger;
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
      if (counts) this.#ledger.charge(Math.max(0, growth));
      try {
        await change();
        if (counts && growth < 0) this.#ledger.charge(growth);
      } catch (failure) {
        const { sizeBytes } = await this.#file.node();
        if (counts) this.#ledger.settle(sizeBytes - before.sizeBytes - Math.max(0, growth));
        throw failure;
      }
    });
  }
}

/** A file that nobody else sees before it takes the place of another one: charged with what it has more than that. */
export class QuotaReplacement implements TreeFile {
  readonly #file: TreeFile;
  readonly #ledger: QuotaLedger;
  readonly #sizeThere: () => Promise<number>;
  readonly #replacedBytes: number;
  #sizeBytes = 0;
  #chargedBytes = 0;
  #placed: QuotaFile | null = null;

  /** `sizeThere` tells what would be given back if the file were placed now; `replacedBytes` is that at the start. */
  constructor(file: TreeFile, ledger: QuotaLedger, replacedBytes: number, sizeThere: () => Promise<number>) {
    this.#file = file;
    this.#ledger = ledger;
    this.#replacedBytes = replacedBytes;
    this.#sizeThere = sizeThere;
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
      const replaced = await this.#sizeThere();
      const due = this.#sizeBytes - replaced;
      const missing = Math.max(0, due - this.#chargedBytes); // what stands there has become smaller meanwhile
      this.#ledger.reserve(missing);
      this.#chargedBytes += missing;
      const node = await this.#file.publish();
      this.#ledger.settle(due - this.#chargedBytes);
      this.#ledger.unreserve(this.#chargedBytes);
      this.#chargedBytes = 0;
      this.#placed = new QuotaFile(this.#file, this.#ledger);
      return node;
    });
  }

  node(): Promise<TreeNode> {
    return this.#file.node();
  }

  async close(): Promise<void> {
    this.#ledger.settle(-this.#chargedBytes);
    this.#ledger.unreserve(this.#chargedBytes);
    this.#chargedBytes = 0;
    await this.#file.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #charge(sizeBytes: number): void {
    const due = Math.max(0, sizeBytes - this.#replacedBytes);
    this.#ledger.reserve(due - this.#chargedBytes);
    this.#chargedBytes = due;
    this.#sizeBytes = sizeBytes;
  }
}
