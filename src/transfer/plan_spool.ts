import { assert } from '../base/assert.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { checkedPlanPage } from '../wire/copy_messages.ts';
import type { PlanEntry } from '../wire/copy_types.ts';
import { PlanPage } from '../wire/plan_page.ts';
import type { Compression } from '../world/compression.ts';

/** What a page costs besides its bytes: counted, so that many tiny pages are no way around the limit. */
const PAGE_COST_BYTES = 256;

/** What a decoded page adds for each entry: where its name begins. And for each that has more than most: objects and texts. */
const INDEX_BYTES = 4;
const MORE_BYTES = 1024;

/** Pages share memory of this size at first, and of more as the plan grows: small pieces would leave holes in the heap. */
const SLAB_MIN_BYTES = 16 * 1024;
const SLAB_MAX_BYTES = 1024 * 1024;

/**
 * The entries of a copy in the order of the plan. The first pages are kept as they are, so that most copies neither
 * compress nor expand any; the rest as the messages that they travelled in, compressed: about 12 bytes for a file with a
 * name and times of the usual kind. Of these, pages that are used again soon stay decoded.
 */
export class PlanSpool {
  readonly #compression: Compression;
  readonly #plainMaxBytes: number;
  readonly #pages: (Uint8Array | PlanPage)[] = [];
  /** Number of the first entry of each page. */
  readonly #firsts: number[] = [];
  /** The last used are at the end. */
  readonly #decoded = new Map<number, PlanPage>();
  /** The page that was asked for last. */
  #last: { readonly at: number; readonly page: PlanPage } | null = null;
  /** Memory that the next pages get. */
  #free = new Uint8Array(0);
  #slabBytes = SLAB_MIN_BYTES;
  #entries = 0;
  #keptBytes = 0;
  /** Of these, bytes of pages that are kept as they are. */
  #plainBytes = 0;

  /** Pages of `plainMaxBytes` together are kept as they are. */
  constructor(compression: Compression, plainMaxBytes: number = LIMITS.planPlainMaxBytes.value) {
    this.#compression = compression;
    this.#plainMaxBytes = plainMaxBytes;
  }

  get entries(): number {
    return this.#entries;
  }

  get pages(): number {
    return this.#pages.length;
  }

  /** Bytes that are kept, without decoded pages. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /**
   * Adds the next page: an encoded message `plan`, checked, of `count` entries; `decoded` is the page that it holds, whose
   * memory nobody else writes to. CW_LIMIT where the plan becomes too large.
   */
  add(message: Uint8Array, count: number, decoded: PlanPage | null = null): void {
    if (count === 0) return;
    const plainBytes = message.byteLength + count * INDEX_BYTES + (decoded?.moreCount ?? 0) * MORE_BYTES;
    const isPlain = decoded !== null && this.#plainBytes + plainBytes <= this.#plainMaxBytes;
    const packed = isPlain ? null : this.#compression.compress(message);
    this.#keptBytes += (packed?.byteLength ?? plainBytes) + PAGE_COST_BYTES;
    if (
      this.#entries + count > LIMITS.manifestEntriesMax.value ||
      this.#keptBytes > LIMITS.planKeptMaxBytes.value
    )
      throw new CausewayError('CW_LIMIT', 'the copy has too many entries');
    if (isPlain) this.#plainBytes += plainBytes;
    this.#pages.push(packed === null ? decoded! : this.#kept(packed));
    this.#firsts.push(this.#entries);
    this.#entries += count;
  }

  /** Number of the first entry of a page; for the page after the last one, the number of entries. */
  firstOf(page: number): number {
    return this.#firsts[page] ?? this.#entries;
  }

  page(at: number): PlanPage {
    if (this.#last?.at === at) return this.#last.page;
    const page = this.#page(at);
    this.#last = { at, page };
    return page;
  }

  #page(at: number): PlanPage {
    const page = this.#pages[at];
    assert(page !== undefined, 'a page of the plan is asked for that is there');
    if (page instanceof PlanPage) return page;
    const known = this.#decoded.get(at);
    if (known !== undefined) {
      this.#decoded.delete(at);
      this.#decoded.set(at, known);
      return known;
    }
    const decoded = checkedPlanPage(this.#compression.expand(page));
    this.#decoded.set(at, decoded);
    if (this.#decoded.size > LIMITS.planPagesCached.value)
      this.#decoded.delete(this.#decoded.keys().next().value!);
    return decoded;
  }

  entry(index: number): PlanEntry {
    const at = this.pageOf(index);
    assert(index < this.#entries, 'an entry of the plan is asked for that is there');
    return this.page(at).entry(index - this.#firsts[at]!);
  }

  #kept(page: Uint8Array): Uint8Array {
    if (page.byteLength > this.#free.byteLength) {
      this.#free = new Uint8Array(Math.max(this.#slabBytes, page.byteLength));
      this.#slabBytes = Math.min(2 * this.#slabBytes, SLAB_MAX_BYTES);
    }
    const kept = this.#free.subarray(0, page.byteLength);
    kept.set(page);
    this.#free = this.#free.subarray(page.byteLength);
    return kept;
  }

  /** The last page that begins at or before an entry. */
  pageOf(index: number): number {
    let low = 0;
    let high = this.#firsts.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#firsts[middle]! <= index) low = middle;
      else high = middle;
    }
    return low;
  }
}
