import assert from 'node:assert/strict';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { chainBeforeOf, itemsOf } from '../../src/access/audit/chain.ts';
import { openFrame, sealFrame } from '../../src/access/audit/frame.ts';
import { FRAME_KIND } from '../../src/access/audit/layout.ts';
import type { LogPlace } from '../../src/access/audit/log_place.ts';
import type { AuditProblem } from '../../src/access/audit/problem.ts';
import { encodeRecord, prepareEntry } from '../../src/access/audit/record.ts';
import { openHeader } from '../../src/access/audit/segment_header.ts';
import { concat } from '../../src/base/bytes.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import {
  type AuditRig,
  createAuditRig,
  entry,
  fill,
  HEADER_BYTES,
  type Spot,
  segmentFiles,
  spotsOf,
} from './audit_rig.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const RECORDS = 100_000;
const EDITS = 1_000;
const SEGMENT_BYTES = 128 * 1024;

interface Segment {
  readonly number: number;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly spots: readonly Spot[];
  readonly firstSequence: number;
  /** The sequence after its last record. */
  readonly endSequence: number;
}

/** Which record a byte belongs to; null for bytes around records. `alone` where it is the only one of its frame. */
function recordAt(segment: Segment, byte: number): { sequence: number; alone: boolean } | null {
  const spot = segment.spots.find((one) => byte >= one.start && byte < one.end);
  const index = spot?.items.findIndex((item) => byte >= item.start && byte < item.end) ?? -1;
  if (spot === undefined || index < 0 || spot === segment.spots.at(-1)) return null;
  return { sequence: spot.firstSequence + index, alone: spot.items.length === 1 };
}

describe(`a log of ${RECORDS} records that somebody changed (SEED=${SEED})`, { timeout: 300_000 }, () => {
  const dice = Dice.fromSeed(SEED);
  let rig: AuditRig;
  let place: LogPlace;
  let segments: Segment[];

  before(async () => {
    rig = await createAuditRig();
    const log = await rig.open({ segmentMaxBytes: SEGMENT_BYTES });
    await fill(log, RECORDS / 2, 100);
    await fill(log, RECORDS / 2, 37);
    await log.close();
    place = await rig.place();
    segments = segmentFiles(rig.path).map((name) => {
      const path = join(rig.path, name);
      const bytes = new Uint8Array(readFileSync(path));
      const spots = spotsOf(place, bytes);
      const last = spots.at(-1)!;
      const isClosed = spots.length > 1 && name !== segmentFiles(rig.path).at(-1);
      const endSequence = isClosed ? last.firstSequence : last.firstSequence + last.items.length;
      return {
        number: Number(name.slice(-8)),
        path,
        bytes,
        spots,
        firstSequence: spots[0]!.firstSequence,
        endSequence,
      };
    });
  });

  after(() => rig[Symbol.asyncDispose]());

  /** The problems that a check finds after `change`; all is put back. */
  async function problemsOf(
    touched: readonly Segment[],
    change: () => void,
  ): Promise<readonly AuditProblem[]> {
    change();
    const report = await rig.verify();
    for (const { path, bytes } of touched) writeFileSync(path, bytes);
    assert.equal(report.isSound, report.problemsTotal === 0);
    return report.problems;
  }

  const pick = (from: readonly Segment[] = segments): Segment => from[dice.between(0, from.length - 1)]!;
  /** Any of the segments but the last, and not the last frame of it: that is the footer. */
  const pickClosed = (): Segment => pick(segments.slice(0, -1));

  it('is sound before', async () => {
    const report = await rig.verify();
    assert.deepEqual([report.isSound, report.records, report.lastSequence], [true, RECORDS, RECORDS]);
    assert.ok(segments.length > 30);
  });

  it(`shows each of ${EDITS} single-byte edits, and where`, async () => {
    let edits = 0;
    while (edits < EDITS) {
      // one edit in each segment, and every problem belongs to the edit of its segment
      const edited = segments.map((segment) => ({ segment, byte: placeOfEdit(segment) }));
      const problems = await problemsOf(segments, () => {
        for (const { segment, byte } of edited) {
          const bytes = segment.bytes.slice();
          bytes[byte] = (bytes[byte] as number) ^ dice.between(1, 255);
          writeFileSync(segment.path, bytes);
        }
      });
      const wrong = edited.filter(({ segment, byte }) => !isShown(problems, segment, byte));
      const told = wrong.map(({ segment, byte }) => ({
        byte,
        problems: problems.filter((problem) => problem.segment === segment.number),
      }));
      assert.deepEqual(told, []);
      assert.equal(problems.length, segments.length, 'one problem for each edit');
      edits += edited.length;
    }
    assert.ok((await rig.verify()).isSound, 'all was put back');
  });

  /** Any byte; now and then one of the few that are not in the middle of records. */
  function placeOfEdit({ bytes, spots }: Segment): number {
    const spot = spots[dice.between(0, spots.length - 1)]!;
    return dice.pick([
      dice.between(0, bytes.byteLength - 1),
      dice.between(0, bytes.byteLength - 1),
      dice.between(0, HEADER_BYTES - 1),
      dice.between(spot.start, spot.start + 80),
      dice.between(spot.end - 20, spot.end - 1),
    ]);
  }

  function isShown(problems: readonly AuditProblem[], segment: Segment, byte: number): boolean {
    const own = problems.filter((problem) => problem.segment === segment.number);
    const problem = own[0];
    if (own.length !== 1 || problem === undefined || problem.kind !== 'edited') return false;
    if (!(problem.fromByte! <= byte && byte < problem.toByte!)) return false;
    const record = recordAt(segment, byte);
    if (record === null) return true;
    return problem.firstSequence === record.sequence && problem.lastSequence === record.sequence;
  }

  it('shows a cut at any byte, and which records are gone', async () => {
    for (let round = 0; round < 8; round += 1) {
      const segment = pick();
      const cutAt = dice.between(0, segment.bytes.byteLength - 1);
      const problems = await problemsOf([segment], () =>
        writeFileSync(segment.path, segment.bytes.subarray(0, cutAt)),
      );
      const whole = segment.spots.filter((spot) => spot.end <= cutAt);
      const firstLost = segment.spots[whole.length]!.firstSequence;
      const isRecordLost = firstLost < segment.endSequence;
      const what = JSON.stringify({ segment: segment.number, cutAt, problems });
      assert.ok(problems.length >= 1 && problems.every((one) => one.segment === segment.number), what);
      assert.ok(
        problems.some((one) => one.kind === 'cut' || one.kind === 'edited'),
        what,
      );
      if (cutAt < HEADER_BYTES || !isRecordLost) continue;
      assert.equal(problems[0]!.firstSequence, firstLost, what);
      assert.equal(problems.at(-1)!.lastSequence, segment.endSequence - 1, what);
    }
  });

  it('shows frames that were cut from the end, where the rest is whole', async () => {
    for (const segment of [pickClosed(), segments.at(-1)!]) {
      const from = segment.spots[dice.between(1, segment.spots.length - 2)]!;
      const problems = await problemsOf([segment], () =>
        writeFileSync(segment.path, segment.bytes.subarray(0, from.start)),
      );
      const expected = {
        kind: 'cut',
        segment: segment.number,
        fromByte: from.start,
        firstSequence: from.firstSequence,
      };
      assert.deepEqual(
        problems.map(({ kind, segment, fromByte, firstSequence }) => ({
          kind,
          segment,
          fromByte,
          firstSequence,
        })),
        [expected],
      );
      assert.equal(problems[0]!.lastSequence, segment.endSequence - 1);
    }
  });

  it('shows a segment that is gone, be it the first, one in the middle, or the last', async () => {
    for (const segment of [segments[0]!, pickClosed(), segments.at(-1)!]) {
      const problems = await problemsOf([segment], () => rmSync(segment.path));
      const [problem] = problems;
      assert.equal(problems.length, 1, JSON.stringify(problems));
      assert.deepEqual(
        [problem?.kind, problem?.segment, problem?.firstSequence, problem?.lastSequence],
        ['missing', segment.number, segment.firstSequence, segment.endSequence - 1],
      );
    }
  });

  it('shows segments that were swapped, and one in the place of another', async () => {
    const [one, two] = [segments[dice.between(1, 10)]!, segments[dice.between(11, 20)]!];
    const swapped = await problemsOf([one, two], () => {
      writeFileSync(one.path, two.bytes);
      writeFileSync(two.path, one.bytes);
    });
    assert.deepEqual(
      swapped.map(({ kind, segment }) => [kind, segment]),
      [
        ['moved', one.number],
        ['moved', two.number],
      ],
    );
    assert.match(swapped[0]!.message, new RegExp(`holds segment ${two.number}$`));
    const replaced = await problemsOf([one, two], () => {
      renameSync(one.path, two.path);
    });
    assert.deepEqual(
      replaced.map(({ kind, segment }) => [kind, segment]),
      [
        ['missing', one.number],
        ['moved', two.number],
      ],
    );
  });

  it('shows frames that changed places, neighbours and others', async () => {
    for (let round = 0; round < 4; round += 1) {
      const segment = pickClosed();
      const frames = segment.spots.slice(0, -1);
      const at = dice.between(0, frames.length - 2);
      const to = round % 2 === 0 ? at + 1 : dice.between(at + 1, frames.length - 1);
      const order = frames.map((_, index) => (index === at ? to : index === to ? at : index));
      const problems = await problemsOf([segment], () =>
        writeFileSync(segment.path, reordered(segment, order)),
      );
      const moved = problems.map(({ kind, firstSequence }) => [kind, firstSequence]);
      const expected = [frames[to]!, frames[at]!].map((spot) => ['moved', spot.firstSequence]);
      assert.deepEqual(moved, expected, `frames ${at} and ${to} of segment ${segment.number}`);
      assert.equal(problems[0]!.fromByte, frames[at]!.start);
    }
  });

  it('shows a frame that was taken out, one that was put in again, and one of another segment', async () => {
    const segment = pickClosed();
    const frames = segment.spots.slice(0, -1);
    const at = dice.between(1, frames.length - 2);
    const all = frames.map((_, index) => index);
    const spot = frames[at]!;
    const without = await problemsOf([segment], () =>
      writeFileSync(
        segment.path,
        reordered(
          segment,
          all.filter((index) => index !== at),
        ),
      ),
    );
    assert.deepEqual(
      without.map(({ kind, fromByte, firstSequence, lastSequence }) => ({
        kind,
        fromByte,
        firstSequence,
        lastSequence,
      })),
      [
        {
          kind: 'missing',
          fromByte: spot.start,
          firstSequence: spot.firstSequence,
          lastSequence: frames[at + 1]!.firstSequence - 1,
        },
      ],
    );
    const twice = await problemsOf([segment], () =>
      writeFileSync(segment.path, reordered(segment, [...all.slice(0, at + 1), at, ...all.slice(at + 1)])),
    );
    assert.deepEqual(
      twice.map(({ kind, fromByte }) => [kind, fromByte]),
      [['repeated', spot.end]],
    );
    const other = segments.find((one) => one.number > segment.number + 1) ?? segments[0]!;
    const theirs = other.bytes.subarray(other.spots[0]!.start, other.spots[0]!.end);
    const foreign = await problemsOf([segment], () =>
      writeFileSync(
        segment.path,
        concat([segment.bytes.subarray(0, spot.start), theirs, segment.bytes.subarray(spot.start)]),
      ),
    );
    assert.deepEqual(
      foreign.map(({ kind, fromByte, toByte, firstSequence }) => [kind, fromByte, toByte, firstSequence]),
      [['edited', spot.start, spot.start + theirs.byteLength, null]],
    );
  });

  it('shows what was put behind a footer', async () => {
    const segment = pickClosed();
    const problems = await problemsOf([segment], () =>
      writeFileSync(segment.path, concat([segment.bytes, dice.bytes(dice.between(1, 300))])),
    );
    assert.deepEqual(
      problems.map(({ kind, segment, fromByte }) => [kind, segment, fromByte]),
      [['edited', segment.number, segment.bytes.byteLength]],
    );
  });

  it('shows a record that somebody with the keys has replaced', async () => {
    const segment = pickClosed();
    const { aead } = rig.ports.crypto;
    const { dataKey } = openHeader(aead, segment.bytes, (fields) => place.keys.unwrap(fields))!;
    const at = dice.between(0, segment.spots.length - 3);
    const [spot, next] = [segment.spots[at]!, segment.spots[at + 1]!];
    const old = openFrame(aead, dataKey, segment.bytes, spot.start)!;
    const items: Uint8Array[] = [...itemsOf(old.text)].map(({ start, end }) => old.text.slice(start, end));
    items[0] = encodeRecord(prepareEntry({ ...entry(1), resource: 'vm:forged' }, 0), spot.firstSequence);
    const content = { kind: FRAME_KIND.records, firstSequence: spot.firstSequence, items };
    const chainBefore = chainBeforeOf(old.text);
    const forged = sealFrame(aead, dataKey, rig.ports.random.bytes(12), { ...content, chainBefore }).bytes;
    const problems = await problemsOf([segment], () =>
      writeFileSync(
        segment.path,
        concat([segment.bytes.subarray(0, spot.start), forged, segment.bytes.subarray(spot.end)]),
      ),
    );
    const shift = forged.byteLength - (spot.end - spot.start);
    assert.deepEqual(
      problems.map(({ kind, fromByte, firstSequence }) => [kind, fromByte, firstSequence]),
      [['foreign', next.start + shift, next.firstSequence]],
    );
  });

  it('shows two records of one frame that changed places', async () => {
    const segment = pickClosed();
    const spot = segment.spots.find((one) => one.items.length > 5)!;
    const size = (at: number): number => spot.items[at]!.end - spot.items[at]!.start;
    const at = spot.items.findIndex(
      (_, index) => index < spot.items.length - 3 && size(index) === size(index + 2),
    );
    const [one, two] = [spot.items[at]!, spot.items[at + 2]!];
    const problems = await problemsOf([segment], () => {
      const bytes = segment.bytes.slice();
      bytes.set(segment.bytes.subarray(two.start, two.end), one.start);
      bytes.set(segment.bytes.subarray(one.start, one.end), two.start);
      writeFileSync(segment.path, bytes);
    });
    assert.deepEqual(
      problems.map(({ kind, firstSequence, lastSequence }) => [kind, firstSequence, lastSequence]),
      [at, at + 2].map((index) => ['edited', spot.firstSequence + index, spot.firstSequence + index]),
    );
  });

  it('shows a checkpoint that somebody else wrote for segments that are gone', async () => {
    const other = await createAuditRig();
    const { writeCheckpoint } = await import('../../src/access/audit/checkpoint.ts');
    await (await other.open()).close();
    const forged = {
      throughSegment: 3,
      lastSequence: segments[3]!.firstSequence - 1,
      olderThanMs: 0,
      deletedAtMs: 0,
    };
    const chain = Buffer.from(segments[3]!.bytes.subarray(56, 88)).toString('hex');
    await writeCheckpoint((await other.place()).keys, rig.at.dir, rig.path, { ...forged, chain });
    const gone = segments.slice(0, 3);
    const problems = await problemsOf(gone, () => {
      for (const { path } of gone) rmSync(path);
    });
    rmSync(join(rig.path, 'checkpoint.json'));
    await other[Symbol.asyncDispose]();
    assert.deepEqual(
      problems.map(({ kind }) => kind),
      ['checkpoint'],
    );
    assert.ok((await rig.verify()).isSound);
  });
});

/** The segment with its frames, but the footer, in another order. */
function reordered(segment: Segment, order: readonly number[]): Uint8Array {
  const { bytes, spots } = segment;
  const frames = order.map((index) => bytes.subarray(spots[index]!.start, spots[index]!.end));
  return concat([bytes.subarray(0, HEADER_BYTES), ...frames, bytes.subarray(spots.at(-1)!.start)]);
}
