import { fromUtf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { PlanEntry, PlanKind, Xattr } from './copy_types.ts';

/*
 * A page of a plan. What every entry has lies in rows of fixed length, little endian, so that a page can be made, checked
 * and looked at without an object for each entry; what few have is told beside them.
 *
 *   0 kind u8 · 1 length of the name u8 · 2 mode u16 · 4 folder u16 · 6 zero u16 · 8 size u64 · 16 mtime i64 · 24 ctime i64
 *   32 inode u64 · 40 user u32 · 44 group u32
 */

export const PLAN_ROW_BYTES = 48;
const KINDS: readonly PlanKind[] = ['file', 'directory', 'symlink', 'hardLink'];
const HARD_LINK = KINDS.indexOf('hardLink');
/** In the place of a user and a group that the source does not know; no real ones have that number. */
const UNKNOWN_ID = 0xffff_ffff;
const MODE_MAX = 0o7777;
const SAFE_HIGH_MAX = 0x1f_ffff; // high word of 2^53 - 1
const MAX_U64 = 2n ** 64n - 1n;
/** What an entry may cost in a message besides its texts. */
const ROW_COST_BYTES = 96;

/** What a page consists of. */
export interface PlanColumns {
  /** Paths of the folders that the entries lie in; the empty one is the folder that takes the copy. */
  readonly folders: readonly string[];
  /** UTF-8, one after the other. */
  readonly names: Uint8Array;
  readonly rows: Uint8Array;
  readonly more: readonly PlanMore[];
}

/** What few entries have; `at` is the place in the page, and rises. */
export interface PlanMore extends Partial<Pick<PlanEntry, 'linkTarget' | 'first' | 'xattrs' | 'dataBytes'>> {
  readonly at: number;
  /** Where it is no number of 64 bits; that of the row is zero then. */
  readonly inode?: string;
}

/** What plain files and folders have. */
export interface PlainEntry {
  kind: 'file' | 'directory';
  sizeBytes: number;
  mode: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  inode: bigint;
  userId: number;
  groupId: number;
}

/** Entries of a page, found by their place in it. */
export class PlanPage {
  readonly folders: readonly string[];
  readonly #names: Buffer;
  readonly #rows: DataView;
  /** By the place in the page. */
  readonly #more: ReadonlyMap<number, PlanMore>;
  /** Where each name begins, and the end of the last. */
  readonly #starts: Uint32Array;

  constructor({ folders, names, rows, more }: PlanColumns) {
    this.folders = folders;
    this.#names = Buffer.from(names.buffer, names.byteOffset, names.byteLength);
    this.#rows = viewOf(rows);
    this.#more = new Map(more.map((one) => [one.at, one]));
    this.#starts = new Uint32Array(rows.byteLength / PLAN_ROW_BYTES + 1);
    for (let at = 0; at < this.count; at += 1)
      this.#starts[at + 1] = this.#starts[at]! + this.#rows.getUint8(at * PLAN_ROW_BYTES + 1);
  }

  get count(): number {
    return this.#rows.byteLength / PLAN_ROW_BYTES;
  }

  kind(at: number): PlanKind {
    return KINDS[this.#rows.getUint8(at * PLAN_ROW_BYTES)]!;
  }

  sizeBytes(at: number): number {
    return readSize(this.#rows, at * PLAN_ROW_BYTES + 8);
  }

  mode(at: number): number {
    return this.#rows.getUint16(at * PLAN_ROW_BYTES + 2, true);
  }

  mtimeNs(at: number): bigint {
    return this.#rows.getBigInt64(at * PLAN_ROW_BYTES + 16, true);
  }

  /** Null where the source does not know it. */
  owner(at: number): { readonly userId: number; readonly groupId: number } | null {
    const userId = this.#rows.getUint32(at * PLAN_ROW_BYTES + 40, true);
    if (userId === UNKNOWN_ID) return null;
    return { userId, groupId: this.#rows.getUint32(at * PLAN_ROW_BYTES + 44, true) };
  }

  /** Whether an entry has what most do not. */
  hasMore(at: number): boolean {
    return this.#more.has(at);
  }

  /** How many entries have that. */
  get moreCount(): number {
    return this.#more.size;
  }

  /** Of a file with holes: its bytes outside of them, else its size. */
  dataBytes(at: number): number {
    return this.#more.get(at)?.dataBytes ?? this.sizeBytes(at);
  }

  /** Which of the folders an entry lies in. */
  folder(at: number): number {
    return this.#rows.getUint16(at * PLAN_ROW_BYTES + 4, true);
  }

  name(at: number): string {
    return this.#names.toString('utf8', this.#starts[at]!, this.#starts[at + 1]!);
  }

  path(at: number): string {
    const folder = this.folders[this.folder(at)]!;
    return folder === '' ? this.name(at) : `${folder}/${this.name(at)}`;
  }

  entry(at: number): PlanEntry {
    const row = at * PLAN_ROW_BYTES;
    const rows = this.#rows;
    const more = this.#more.get(at);
    const userId = rows.getUint32(row + 40, true);
    const groupId = rows.getUint32(row + 44, true);
    const entry: { -readonly [Key in keyof PlanEntry]: PlanEntry[Key] } = {
      path: this.path(at),
      kind: this.kind(at),
      sizeBytes: this.sizeBytes(at),
      mode: rows.getUint16(row + 2, true),
      mtimeNs: rows.getBigInt64(row + 16, true),
      ctimeNs: rows.getBigInt64(row + 24, true),
      inode: more?.inode ?? String(rows.getBigUint64(row + 32, true)),
      linkTarget: more?.linkTarget ?? '',
    };
    if (userId !== UNKNOWN_ID) {
      entry.userId = userId;
      entry.groupId = groupId;
    }
    return more === undefined ? entry : { ...entry, ...given(more) };
  }
}

function given({ first, xattrs, dataBytes }: PlanMore): Partial<PlanEntry> {
  return {
    ...(first !== undefined && { first }),
    ...(xattrs !== undefined && { xattrs }),
    ...(dataBytes !== undefined && { dataBytes }),
  };
}

/** Throws CW_WIRE_MALFORMED for what is no page. Its folders are not looked at. */
export function checkPlanColumns({ folders, names, rows, more }: PlanColumns): void {
  const view = viewOf(rows);
  if (rows.byteLength % PLAN_ROW_BYTES !== 0) throw malformed('rows that are not whole');
  const count = rows.byteLength / PLAN_ROW_BYTES;
  if (count > LIMITS.manifestPageEntries.value) throw malformed(`${count} entries`);
  if (fromUtf8(names) === null) throw malformed('names that are not UTF-8');
  let start = 0;
  for (let row = 0; row < rows.byteLength; row += PLAN_ROW_BYTES) {
    if (view.getUint8(row) >= KINDS.length) throw malformed('an entry of no known kind');
    if (view.getUint16(row + 2, true) > MODE_MAX) throw malformed('a mode of more than 12 bits');
    if (view.getUint16(row + 4, true) >= folders.length) throw malformed('an entry in no folder');
    if (view.getUint16(row + 6, true) !== 0) throw malformed('a reserved byte that is not zero');
    if (view.getUint32(row + 12, true) > SAFE_HIGH_MAX) throw malformed('a size beyond 2^53');
    const end = start + view.getUint8(row + 1);
    if (end > names.byteLength) throw malformed('fewer names than entries');
    checkName(names, start, end);
    start = end;
  }
  if (start !== names.byteLength) throw malformed('more names than entries');
  checkMore(more, view, count);
}

function checkMore(more: readonly PlanMore[], rows: DataView, count: number): void {
  let last = -1;
  for (const { at, dataBytes } of more) {
    if (at <= last || at >= count) throw malformed('entries out of order');
    last = at;
    if (dataBytes !== undefined && dataBytes > readSize(rows, at * PLAN_ROW_BYTES + 8))
      throw malformed('a file with more data than bytes');
  }
  const firsts = new Set(more.filter(({ first }) => first !== undefined).map(({ at }) => at));
  for (let at = 0; at < count; at += 1)
    if (rows.getUint8(at * PLAN_ROW_BYTES) === HARD_LINK && !firsts.has(at))
      throw malformed('a hard link that does not say of what');
}

const NO_NAME = 'what is not a name of one file or folder';
const SLASH = 0x2f;
const DOT = 0x2e;

/** One plain component, which begins where a character does. */
function checkName(names: Uint8Array, start: number, end: number): void {
  const isDots = end - start <= 2 && names[start] === DOT && (end - start === 1 || names[start + 1] === DOT);
  if (end === start || isDots) throw malformed(NO_NAME);
  if ((names[start]! & 0xc0) === 0x80) throw malformed('a name that begins within a character');
  for (let at = start; at < end; at += 1)
    if (names[at] === SLASH || names[at] === 0) throw malformed(NO_NAME);
}

function malformed(what: string): CausewayError {
  return new CausewayError('CW_WIRE_MALFORMED', `a page of a plan holds ${what}`);
}

function readSize(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Puts a page together, entry by entry. */
export class PlanPageWriter {
  readonly #folders: string[] = [];
  readonly #folderNumbers = new Map<string, number>();
  readonly #rows = new Uint8Array(LIMITS.manifestPageEntries.value * PLAN_ROW_BYTES);
  readonly #view = new DataView(this.#rows.buffer);
  #names = Buffer.alloc(16 * 1024);
  #namesBytes = 0;
  #more: PlanMore[] = [];
  #count = 0;
  /** What the page takes in a message, about, without its names. */
  #bytes = 0;
  #folder = '';
  #folderNumber = -1;

  get count(): number {
    return this.#count;
  }

  /** Nothing more may be added: a page travels as one control message. */
  get isFull(): boolean {
    return (
      this.#count >= LIMITS.manifestPageEntries.value ||
      this.#bytes + this.#namesBytes >= LIMITS.messageMaxBytes.value / 2
    );
  }

  addPlain(folder: string, name: string, entry: PlainEntry): void {
    const { userId, groupId } = entry;
    this.#row(folder, name, entry.kind, { ...entry, userId, groupId });
  }

  add(entry: PlanEntry): void {
    const { path, linkTarget, first, xattrs, dataBytes } = entry;
    const cut = path.lastIndexOf('/');
    const inode = inodeNumber(entry.inode);
    const { userId = UNKNOWN_ID, groupId = UNKNOWN_ID } = entry;
    const stat = { ...entry, inode: inode ?? 0n, userId, groupId };
    this.#row(path.slice(0, Math.max(0, cut)), path.slice(cut + 1), entry.kind, stat);
    const more = {
      at: this.#count - 1,
      ...(linkTarget !== '' && { linkTarget }),
      ...given({ at: 0, first, xattrs, dataBytes } as PlanMore),
      ...(inode === null && { inode: entry.inode }),
    };
    if (Object.keys(more).length === 1) return;
    this.#more.push(more);
    this.#bytes += 3 * linkTarget.length + xattrsBytes(xattrs ?? []);
  }

  /** The page, and begins the next. */
  take(): PlanColumns {
    const page = {
      folders: this.#folders.splice(0),
      names: Uint8Array.from(this.#names.subarray(0, this.#namesBytes)),
      rows: this.#rows.slice(0, this.#count * PLAN_ROW_BYTES),
      more: this.#more,
    };
    this.#folderNumbers.clear();
    this.#folderNumber = -1;
    this.#more = [];
    this.#namesBytes = 0;
    this.#count = 0;
    this.#bytes = 0;
    return page;
  }

  #row(folder: string, name: string, kind: PlanKind, stat: Omit<PlainEntry, 'kind'>): void {
    const row = this.#count * PLAN_ROW_BYTES;
    const view = this.#view;
    view.setUint8(row, KINDS.indexOf(kind));
    view.setUint8(row + 1, this.#name(name));
    view.setUint16(row + 2, stat.mode, true);
    view.setUint16(row + 4, this.#folderOf(folder), true);
    view.setUint16(row + 6, 0, true);
    view.setUint32(row + 8, stat.sizeBytes % 2 ** 32, true);
    view.setUint32(row + 12, Math.floor(stat.sizeBytes / 2 ** 32), true);
    view.setBigInt64(row + 16, stat.mtimeNs, true);
    view.setBigInt64(row + 24, stat.ctimeNs, true);
    view.setBigUint64(row + 32, stat.inode, true);
    view.setUint32(row + 40, stat.userId, true);
    view.setUint32(row + 44, stat.groupId, true);
    this.#count += 1;
    this.#bytes += ROW_COST_BYTES;
  }

  /** Bytes of the name. */
  #name(name: string): number {
    if (this.#namesBytes + 3 * name.length > this.#names.byteLength) {
      const grown = Buffer.alloc(2 * (this.#names.byteLength + 3 * name.length));
      grown.set(this.#names);
      this.#names = grown;
    }
    const bytes = this.#names.write(name, this.#namesBytes, 'utf8');
    if (bytes > LIMITS.nameMaxBytes.value)
      throw new CausewayError('CW_DISK_NAME', `the name ${name.slice(0, 40)}… is longer than 255 bytes`);
    this.#namesBytes += bytes;
    return bytes;
  }

  #folderOf(folder: string): number {
    if (this.#folderNumber >= 0 && folder === this.#folder) return this.#folderNumber;
    let number = this.#folderNumbers.get(folder);
    if (number === undefined) {
      number = this.#folders.push(folder) - 1;
      this.#folderNumbers.set(folder, number);
      this.#bytes += 3 * folder.length;
    }
    this.#folder = folder;
    this.#folderNumber = number;
    return number;
  }
}

function xattrsBytes(xattrs: readonly Xattr[]): number {
  return xattrs.reduce((sum, { name, value }) => sum + name.length + value.byteLength + 32, 0);
}

/** Null for a text that a number does not stand for. */
function inodeNumber(text: string): bigint | null {
  if (!/^(?:0|[1-9]\d{0,19})$/.test(text)) return null;
  const number = BigInt(text);
  return number <= MAX_U64 ? number : null;
}

/** The same page with one entry turned into one more name of a file. */
export function asHardLink(
  page: PlanColumns,
  at: number,
  link: { linkTarget: string; first: number },
): PlanColumns {
  const view = viewOf(page.rows);
  const row = at * PLAN_ROW_BYTES;
  view.setUint8(row, HARD_LINK);
  view.setBigUint64(row + 8, 0n, true);
  view.setUint32(row + 40, UNKNOWN_ID, true);
  view.setUint32(row + 44, UNKNOWN_ID, true);
  const others = page.more.filter((more) => more.at !== at);
  return { ...page, more: [...others, { at, ...link }].sort((a, b) => a.at - b.at) };
}

/** A page of these entries. */
export function planColumns(entries: readonly PlanEntry[]): PlanColumns {
  const writer = new PlanPageWriter();
  for (const entry of entries) writer.add(entry);
  return writer.take();
}
