// CAUSEWAY_READ_AHEAD_MIB sets how much each case reads; SEED=n plays random ones again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededChance } from '../../../test/fixtures/seeded_chance.ts';
import { FolderAhead, type SmallFile } from './folder_ahead.ts';
import { type Conditions, ReadAhead } from './read_ahead.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const READ_MIB = Number(process.env['CAUSEWAY_READ_AHEAD_MIB'] ?? 64);
const LINK: Conditions = { latencyMs: 5, bytesPerSecond: 100 * MIB, pressure: 0 };
const PAGE = 4 * KIB;

interface Access {
  readonly file: number;
  readonly offset: number;
  readonly length: number;
  readonly sizeBytes: number;
}

/** A reader behind a link: what was planned arrives after the latency, in turn; what was not is waited for. */
class Reader {
  readonly planner: ReadAhead;
  readonly #link: Conditions;
  readonly #thinkMs: number;
  readonly #arrivals = new Map<string, number>();
  readonly #unread = new Set<string>();
  #nowMs = 0;
  #lineMs = 0;
  reads = 0;
  /** There, or asked for, when it was read. */
  planned = 0;
  /** There when it was read. */
  ready = 0;
  readBytes = 0;
  fetchedBytes = 0;

  constructor(link: Conditions, thinkMs: number) {
    this.#link = link;
    this.#thinkMs = thinkMs;
    this.planner = new ReadAhead(link);
  }

  get wastedBytes(): number {
    return this.#unread.size * PAGE;
  }

  read(access: Access): void {
    const pages = pagesOf(access.file, access.offset, access.length);
    this.reads += 1;
    this.readBytes += access.length;
    if (pages.every((page) => this.#arrivals.has(page))) this.planned += 1;
    const arrivesMs = Math.max(...pages.map((page) => this.#arrivals.get(page) ?? Number.POSITIVE_INFINITY));
    if (arrivesMs <= this.#nowMs) this.ready += 1;
    else if (Number.isFinite(arrivesMs)) this.#nowMs = arrivesMs;
    else this.#nowMs = this.#fetch(access.file, access.offset, access.length);
    for (const page of pages) this.#unread.delete(page);
    for (const { offset, length } of this.planner.onRead(access)) {
      assert.ok(offset >= 0 && length > 0 && offset + length <= access.sizeBytes, `${offset} ${length}`);
      this.#fetch(access.file, offset, length);
    }
    this.#nowMs += this.#thinkMs;
  }

  #fetch(file: number, offset: number, length: number): number {
    const fresh = pagesOf(file, offset, length).filter((page) => !this.#arrivals.has(page));
    this.#lineMs =
      Math.max(this.#lineMs, this.#nowMs) + ((fresh.length * PAGE) / this.#link.bytesPerSecond) * 1000;
    for (const page of fresh) {
      this.#arrivals.set(page, this.#lineMs + this.#link.latencyMs);
      this.#unread.add(page);
    }
    this.fetchedBytes += fresh.length * PAGE;
    return this.#lineMs + this.#link.latencyMs;
  }
}

function pagesOf(file: number, offset: number, length: number): string[] {
  const pages: string[] = [];
  for (let at = Math.floor(offset / PAGE); at * PAGE < offset + length; at += 1) pages.push(`${file}:${at}`);
  return pages;
}

function report(name: string, reader: Reader): { planned: number; ready: number; waste: number } {
  const [planned, ready] = [reader.planned / reader.reads, reader.ready / reader.reads];
  const waste = reader.wastedBytes / Math.max(1, reader.fetchedBytes);
  const figures = [planned, ready, waste].map((share) => `${(share * 100).toFixed(1)} %`);
  console.log(
    `${name}: asked for before ${figures[0]}, there ${figures[1]}, wasted ${figures[2]} of the bytes`,
  );
  return { planned, ready, waste };
}

/** Reads of 128 KiB, a little slower than the link. */
const LENGTH = 128 * KIB;
const THINK_MS = 2;
const HUGE = 2 ** 40;

function sequence(file: number, first: number, count: number, step = LENGTH, sizeBytes = HUGE): Access[] {
  return Array.from({ length: count }, (_, at) => ({
    file,
    offset: first + at * step,
    length: LENGTH,
    sizeBytes,
  }));
}

function play(accesses: readonly Access[], link = LINK): Reader {
  const reader = new Reader(link, THINK_MS);
  for (const access of accesses) reader.read(access);
  return reader;
}

/** Takes accesses from all lists in turn. */
function interleave(lists: readonly (readonly Access[])[]): Access[] {
  const longest = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}

const COUNT = (READ_MIB * MIB) / LENGTH;

describe('read-ahead', () => {
  const good: [string, () => Access[]][] = [
    ['sequential', () => sequence(1, 0, COUNT, LENGTH, COUNT * LENGTH)],
    ['sequential, not from the start, ends early', () => sequence(1, 7 * MIB, COUNT)],
    ['strided', () => sequence(1, 3 * MIB, COUNT, MIB)],
    ['backwards', () => sequence(1, COUNT * LENGTH, COUNT, -LENGTH)],
    [
      'five streams of one file',
      () => interleave([0, 1, 2, 3, 4].map((at) => sequence(1, at * 3_000 * MIB, COUNT / 4))),
    ],
    [
      'streams with steps in one file',
      () => interleave([1, 3, 5].map((step) => sequence(1, step * 9_000 * MIB, COUNT / 3, step * MIB))),
    ],
    [
      'sixteen files',
      () =>
        interleave(
          Array.from({ length: 16 }, (_, file) => sequence(file, 0, COUNT / 8, LENGTH, (COUNT / 8) * LENGTH)),
        ),
    ],
  ];
  for (const [name, accesses] of good) {
    it(`${name}: more than 85 % is there before it is read, and at most 5 % of the bytes are wasted`, () => {
      const { ready, waste } = report(name, play(accesses()));
      assert.ok(ready > 0.85, `${ready}`);
      assert.ok(waste <= 0.05, `${waste}`);
    });
  }

  it('streams that end early, again and again, waste at most 5 %', () => {
    const { seed, random } = seededChance();
    console.log(`SEED=${seed}`);
    const streams = Array.from({ length: Math.ceil(READ_MIB / 4) }, (_, file) =>
      sequence(file, 0, 10 + Math.floor(random() * 100)),
    );
    const { planned, waste } = report('ends', play(streams.flat()));
    assert.ok(planned > 0.85, `${planned}`);
    assert.ok(waste <= 0.05, `${waste}`);
  });

  it('reads at random cause nearly nothing', () => {
    const { seed, random } = seededChance();
    console.log(`SEED=${seed}`);
    const sizeBytes = 256 * MIB;
    const accesses = Array.from({ length: 4_000 }, () => ({
      file: 1,
      offset: Math.floor((random() * sizeBytes) / PAGE) * PAGE,
      length: PAGE,
      sizeBytes,
    }));
    const { waste } = report('random', play(accesses));
    assert.ok(waste <= 0.01, `${waste}`);
  });

  it('looks only at the heads of files: learns to fetch nothing after them', () => {
    const reader = play(Array.from({ length: 1_000 }, (_, file) => sequence(file, 0, 1)[0]!));
    const before = reader.fetchedBytes - reader.readBytes;
    for (let file = 1_000; file < 2_000; file += 1) reader.read(sequence(file, 0, 1)[0]!);
    const { waste } = report('heads', reader);
    assert.ok(waste <= 0.05, `${waste}`);
    assert.equal(reader.fetchedBytes - reader.readBytes, before);
  });

  it('goes as far ahead as the latency asks for, at most 16 MiB, and not at all without memory', () => {
    const windowOf = (link: Conditions): number => {
      const planner = new ReadAhead(link);
      let [furthest, end] = [0, 0];
      for (const read of sequence(1, 0, 4_000, LENGTH, 4_000 * LENGTH)) {
        end = read.offset + read.length;
        for (const { offset, length } of planner.onRead(read))
          furthest = Math.max(furthest, offset + length - end);
      }
      return furthest;
    };
    assert.equal(windowOf({ ...LINK, latencyMs: 1_000 }), 16 * MIB);
    assert.equal(windowOf({ ...LINK, latencyMs: 0.1 }), 128 * KIB);
    assert.equal(windowOf(LINK), MIB);
    assert.equal(windowOf({ ...LINK, pressure: 0.5 }), MIB / 2);
    assert.equal(windowOf({ ...LINK, pressure: 1 }), 0);
  });

  it('is told of a file that is gone, and knows few files at a time', () => {
    const planner = new ReadAhead(LINK);
    for (const read of sequence(1, 0, 8)) planner.onRead(read);
    planner.forget(1);
    planner.forget(1);
    assert.ok(planner.wastedBytes > 0);
    assert.deepEqual(planner.onRead(sequence(1, 8 * LENGTH, 1)[0]!), []);
  });
});

describe('small files of a folder', () => {
  const listing: readonly SmallFile[] = Array.from({ length: 200 }, (_, file) => ({
    file,
    sizeBytes: 4 * KIB,
  }));

  it('are fetched once three of them were read in the order of the listing', () => {
    const folders = new FolderAhead();
    const fetched = new Set<number>();
    let [hits, nowMs] = [0, 0];
    for (const { file } of listing) {
      if (fetched.has(file)) hits += 1;
      nowMs += 5;
      for (const next of folders.onFile(1, file, nowMs, () => listing)) fetched.add(next);
    }
    assert.ok(hits > 0.85 * listing.length, `${hits}`);
    assert.equal(fetched.size, hits);
  });

  it('are left alone where they are read in another order, too slowly, or too large', () => {
    const read = (files: readonly number[], stepMs: number, list: readonly SmallFile[]) => {
      const folders = new FolderAhead();
      return files.flatMap((file, at) => folders.onFile(1, file, at * stepMs, () => list)).length;
    };
    assert.equal(read([150, 3, 77, 12, 190, 61, 100, 8], 5, listing), 0);
    assert.equal(read([0, 1, 2, 3, 4, 5], 5_000, listing), 0);
    assert.equal(
      read(
        [0, 1, 2, 3],
        5,
        listing.map(({ file }) => ({ file, sizeBytes: MIB })),
      ),
      0,
    );
    assert.ok(read([0, 1, 2, 3], 5, listing) > 0);
  });

  it('are not fetched on where nobody reads what was fetched', () => {
    const folders = new FolderAhead();
    let count = 0;
    for (const file of [0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
      count += folders.onFile(1, file, 0, () => listing).length;
    assert.ok(count <= 9, `${count}`);
  });
});
