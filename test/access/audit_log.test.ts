import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { exportLines } from '../../src/access/audit/export.ts';
import { LogReader } from '../../src/access/audit/reader.ts';
import type { AuditPage, AuditQuery } from '../../src/access/audit/search.ts';
import { searchLog } from '../../src/access/audit/search.ts';
import { verifyLog } from '../../src/access/audit/verify.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { rejectsWith } from '../conformance/harness.ts';
import { type AuditRig, createAuditRig, entry, fill, segmentFiles } from './audit_rig.ts';

const SMALL = { segmentMaxBytes: 16 * 1024 };

async function search(rig: AuditRig, query: AuditQuery): Promise<AuditPage> {
  return searchLog(new LogReader(await rig.place(), null), query);
}

describe('an audit log', () => {
  it('keeps what it has acknowledged, in order, over restarts', async () => {
    await using rig = await createAuditRig();
    const sequences: number[] = [];
    for (let start = 0; start < 3; start += 1) {
      const log = await rig.open(SMALL);
      assert.deepEqual(log.opening, { dropped: null, damage: null });
      sequences.push(...(await Promise.all([1, 2, 3].map((at) => log.append(entry(at))))));
      assert.equal(log.position.nextSequence, sequences.length + 1);
      await log.close();
    }
    assert.deepEqual(sequences, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const report = await rig.verify();
    assert.deepEqual([report.isSound, report.records, report.segments, report.notes], [true, 9, 1, []]);
    const { records } = await search(rig, { limit: 100 });
    assert.deepEqual(
      records.map((record) => record.sequence),
      [9, 8, 7, 6, 5, 4, 3, 2, 1],
    );
    assert.deepEqual({ ...records[0], sequence: 0, timeMs: 0 }, { ...entry(3), sequence: 0, timeMs: 0 });
  });

  it('goes on in a new segment when one is full', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open(SMALL);
    await fill(log, 500, 10);
    const report = await verifyLog(log.place, log.position);
    assert.ok(report.isSound && report.records === 500 && report.segments > 5, JSON.stringify(report));
    await log.close();
    for (const name of segmentFiles(rig.path))
      assert.ok(statSync(join(rig.path, name)).size < 2 * SMALL.segmentMaxBytes);
    assert.deepEqual((await rig.verify()).problems, []);
  });

  it('flushes once for many entries that come together', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open();
    const before = log.position.sizeBytes;
    await Promise.all(Array.from({ length: 1_000 }, (_, at) => log.append(entry(at))));
    const frames = Buffer.from(readFileSync(join(rig.path, 'segment-00000001')).subarray(before));
    const magic = Buffer.from('f3435746', 'hex');
    assert.equal(frames.indexOf(magic), 0);
    assert.equal(frames.indexOf(magic, 1), -1, 'one frame for all');
    await log.close();
  });

  it('shows nothing of its records in its files', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open();
    await log.append({ ...entry(1), resource: 'vm:web-1:/srv/very-secret-name' });
    await log.close();
    for (const name of ['segment-00000001', 'head', 'keys.json']) {
      assert.ok(!readFileSync(join(rig.path, name)).includes('very-secret-name'), name);
    }
  });

  it('takes any text, and refuses a record that is too large', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open();
    await log.append({
      ...entry(1),
      resource: 'half a pair \ud800',
      details: { 'x\udfff': '\ud800', n: -1.5, no: null },
    });
    await rejectsWith(
      log.append({ ...entry(1), resource: 'x'.repeat(LIMITS.auditRecordMaxBytes.value) }),
      'CW_LIMIT',
    );
    await log.append(entry(2));
    await log.close();
    const { records } = await search(rig, { limit: 10 });
    assert.deepEqual(
      records.map((record) => record.resource),
      [entry(2).resource, 'half a pair \ufffd'],
    );
    assert.deepEqual({ ...records[1]?.details }, { 'x\ufffd': '\ufffd', n: -1.5, no: null });
  });

  it('refuses entries once it is closed', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open();
    const last = log.append(entry(1));
    await log.close();
    assert.equal(await last, 1);
    await rejectsWith(log.append(entry(2)), 'CW_AUDIT_UNAVAILABLE');
  });

  it('refuses entries beyond those that may wait, and none of the others', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open();
    const max = LIMITS.auditQueueMax.value;
    const outcomes = await Promise.allSettled(
      Array.from({ length: max + 5 }, (_, at) => log.append(entry(at))),
    );
    const failures = outcomes.filter((one) => one.status === 'rejected').map((one) => one.reason.code);
    assert.deepEqual(failures, new Array(5).fill('CW_AUDIT_UNAVAILABLE'));
    assert.equal(log.position.nextSequence, max + 1);
    await log.close();
  });

  it('is not begun anew over a log whose keys are gone', async () => {
    await using rig = await createAuditRig();
    await (await rig.open()).close();
    rmSync(join(rig.path, 'keys.json'));
    await rejectsWith(rig.open(), 'CW_AUDIT_UNAVAILABLE');
    await rejectsWith(rig.place(), 'CW_AUDIT_UNAVAILABLE');
  });

  it('drops what was never acknowledged, and says so in itself', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open();
    await fill(log, 5);
    await log.close();
    const file = join(rig.path, 'segment-00000001');
    const { size } = statSync(file);
    writeFileSync(file, Buffer.alloc(77, 0xf3), { flag: 'a' });
    assert.match(
      (await rig.verify()).notes[0]!,
      /^77 bytes behind the end of segment 1 were not acknowledged/,
    );
    const again = await rig.open();
    assert.deepEqual(again.opening, { dropped: { segment: 1, fromByte: size, sizeBytes: 77 }, damage: null });
    await again.append(entry(6));
    await again.close();
    assert.deepEqual(readFileSync(file).subarray(size), Buffer.alloc(77, 0xf3), 'nothing is written over');
    const [, opened] = (await search(rig, { limit: 2 })).records;
    assert.deepEqual([opened?.action, opened?.outcome], ['audit.open', 'done']);
    assert.deepEqual({ ...opened?.details }, { segment: 1, fromByte: size, droppedBytes: 77 });
    assert.ok((await rig.verify()).isSound);
  });

  it('says when acknowledged records are gone, keeps what is left, and goes on', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open();
    await fill(log, 50, 10);
    await log.close();
    const file = join(rig.path, 'segment-00000001');
    const cutAt = statSync(file).size - 100;
    truncateSync(file, cutAt);
    const again = await rig.open();
    assert.match(again.opening.damage!, /records before sequence 51 were changed or cut off/);
    await again.append(entry(1));
    await again.close();
    assert.equal(statSync(file).size, cutAt);
    assert.deepEqual(segmentFiles(rig.path), ['segment-00000001', 'segment-00000002']);
    const report = await rig.verify();
    assert.equal(report.problemsTotal, 1, JSON.stringify(report.problems));
    const { kind, segment, firstSequence, lastSequence } = report.problems[0]!;
    assert.deepEqual([kind, segment, firstSequence, lastSequence], ['edited', 1, 41, 50]);
    assert.equal(report.lastSequence, 52);
    const { records, damagedParts } = await search(rig, { limit: 100 });
    assert.deepEqual([records.length, damagedParts], [42, 1]);
    assert.deepEqual([records[1]?.action, records[1]?.outcome], ['audit.open', 'failed']);
  });

  it('says when all of it is gone, and goes on behind it', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open(SMALL);
    await fill(log, 200, 10);
    const lost = log.position.nextSequence - 1;
    await log.close();
    for (const name of segmentFiles(rig.path)) rmSync(join(rig.path, name));
    const again = await rig.open(SMALL);
    assert.match(again.opening.damage!, /gone/);
    assert.equal(await again.append(entry(1)), lost + 2);
    await again.close();
    const { problems } = await rig.verify();
    assert.ok(problems.every((problem) => problem.kind === 'missing') && problems.length > 2);
    assert.deepEqual([problems[0]?.firstSequence, problems[0]?.lastSequence], [1, lost]);
  });

  it('says when the note of its end is gone or was replaced by an older one', async () => {
    await using rig = await createAuditRig();
    const head = join(rig.path, 'head');
    const log = await rig.open(SMALL);
    const old = readFileSync(head);
    await fill(log, 200, 10);
    await log.close();
    const last = segmentFiles(rig.path).at(-1)!;
    rmSync(head);
    assert.deepEqual(
      (await rig.verify()).problems.map((problem) => problem.kind),
      ['head'],
    );
    writeFileSync(head, old);
    const replaced = (await rig.verify()).problems;
    assert.deepEqual(replaced.map(({ kind, segment }) => [kind, segment]).at(-1), [
      'head',
      Number(last.slice(-8)),
    ]);
    const again = await rig.open(SMALL);
    assert.match(again.opening.damage!, /older than its records/);
    await again.close();
    assert.ok(segmentFiles(rig.path).includes(last), 'no record is dropped for it');
    assert.equal((await rig.verify()).records, 201);
  });

  it('does not take a begun segment for an empty directory', async () => {
    await using rig = await createAuditRig();
    await (await rig.open()).close();
    for (const name of [...segmentFiles(rig.path), 'head']) rmSync(join(rig.path, name));
    const again = await rig.open();
    assert.match(again.opening.damage!, /gone/);
    await again.close();
  });
});

describe('keys of an audit log', () => {
  it('change with the master key, and no segment does', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open();
    await fill(log, 10);
    const segment = readFileSync(join(rig.path, 'segment-00000001'));
    await rig.vault.rotate();
    await log.place.keys.rewrap();
    await log.place.keys.renew();
    await rig.vault.forgetOlder();
    assert.deepEqual(readFileSync(join(rig.path, 'segment-00000001')), segment);
    await log.append(entry(1));
    await log.close();
    const report = await rig.verify();
    assert.deepEqual([report.isSound, report.records], [true, 11]);
  });

  it('that are not there are named, and nothing is written', async () => {
    await using rig = await createAuditRig();
    await (await rig.open()).close();
    await rig.vault.rotate();
    await rig.vault.forgetOlder();
    await rejectsWith(rig.open(), 'CW_AUDIT_UNAVAILABLE');
    await rejectsWith(rig.place(), 'CW_KEY_WRONG');
  });
});

describe('searching', () => {
  it('finds by time, actor, action, resource and outcome, the newest first, page by page', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open(SMALL);
    await fill(log, 300, 25);
    await log.close();
    const all = await search(rig, { limit: 1_000 });
    assert.equal(all.records.length, 300);
    const count = async (query: Partial<AuditQuery>) =>
      (await search(rig, { limit: 1_000, ...query })).records.length;
    assert.equal(await count({ actor: 'ann' }), 100);
    assert.equal(await count({ action: 'job.*', outcome: 'refused' }), 30);
    assert.equal(await count({ resource: 'vm:web-7:*' }), 30);
    assert.equal(await count({ resource: 'web-7' }), 0);
    const middle = all.records[150]!.timeMs;
    assert.equal((await count({ fromMs: middle })) + (await count({ untilMs: middle })), 300);
    const paged: number[] = [];
    for (let before: number | null = Number.POSITIVE_INFINITY; before !== null; ) {
      const page: AuditPage = await search(rig, { actor: 'ann', limit: 7, before });
      assert.ok(page.records.length <= 7);
      paged.push(...page.records.map((record) => record.sequence));
      before = page.nextBefore;
    }
    const expected = all.records
      .filter((record) => record.actor.name === 'ann')
      .map((record) => record.sequence);
    assert.deepEqual(paged, expected);
  });

  it('exports lines of JSON, the oldest first, that can be compared with the log', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open(SMALL);
    await fill(log, 100, 25);
    const end = log.position;
    await log.close();
    const lines: string[] = [];
    for await (const line of exportLines(new LogReader(await rig.place(), null), {})) lines.push(line);
    assert.ok(lines.every((line) => line.endsWith('\n') && line.indexOf('\n') === line.length - 1));
    const parsed = lines.map((line) => JSON.parse(line));
    assert.deepEqual(
      parsed.map((one) => one.sequence),
      Array.from({ length: 100 }, (_, at) => at + 1),
    );
    assert.equal(parsed[99].chain, Buffer.from(end.chain).toString('hex'));
  });
});
