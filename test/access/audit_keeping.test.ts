import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openLogPlace } from '../../src/access/audit/log_place.ts';
import { LogReader } from '../../src/access/audit/reader.ts';
import { checkRetention, deleteExpired } from '../../src/access/audit/retention.ts';
import { searchLog } from '../../src/access/audit/search.ts';
import { SecondPlace } from '../../src/access/audit/second_place.ts';
import { verifyLog } from '../../src/access/audit/verify.ts';
import { LIMITS } from '../../src/base/limits.ts';
import type { Clock } from '../../src/world/clock.ts';
import { createNodeClock } from '../../src/world/node/clock.ts';
import { rejectsWith } from '../conformance/harness.ts';
import { type AuditRig, createAuditRig, entry, fill, segmentFiles } from './audit_rig.ts';

const SMALL = { segmentMaxBytes: 8 * 1024 };
const DAY_MS = 24 * 3_600_000;
const RETENTION_MS = LIMITS.auditRetentionMinMs.value;

/** A clock whose wall time is set by the test. */
class SetClock implements Clock {
  readonly #real = createNodeClock();
  nowMs = Date.UTC(2030, 0, 1);
  wallMs = (): number => this.nowMs;
  monotonicMs = (): number => this.#real.monotonicMs();
  sleep = (durationMs: number, signal?: AbortSignal): Promise<void> => this.#real.sleep(durationMs, signal);
}

async function sequencesOf(rig: AuditRig): Promise<number[]> {
  const page = await searchLog(new LogReader(await rig.place(), null), { limit: 1_000 });
  return page.records.map((record) => record.sequence);
}

describe('keeping records', () => {
  it('for less than 180 days is refused', async () => {
    for (const days of [0, 1, 179.9, Number.NaN, -1]) {
      assert.throws(() => checkRetention(days * DAY_MS), { code: 'CW_AUDIT_RETENTION' }, `${days} days`);
    }
    assert.equal(checkRetention(180 * DAY_MS), 180 * DAY_MS);
    await using rig = await createAuditRig();
    await using log = await rig.open();
    await rejectsWith(deleteExpired(log, 179 * DAY_MS), 'CW_AUDIT_RETENTION');
  });

  it('deletes what is older, in whole segments, and the log stays sound', async () => {
    const clock = new SetClock();
    await using rig = await createAuditRig(clock);
    const log = await rig.open();
    for (let day = 0; day < 10; day += 1) {
      await fill(log, 3);
      clock.nowMs += DAY_MS;
    }
    assert.equal(log.position.segment, 10, 'a segment for each day');
    clock.nowMs = Date.UTC(2030, 0, 1) + RETENTION_MS + 4.5 * DAY_MS;
    const checkpoint = await deleteExpired(log, RETENTION_MS);
    assert.deepEqual(
      { ...checkpoint, chain: '' },
      {
        throughSegment: 4,
        lastSequence: 12,
        chain: '',
        olderThanMs: Date.UTC(2030, 0, 5),
        deletedAtMs: clock.nowMs,
      },
    );
    assert.equal(segmentFiles(rig.path)[0], 'segment-00000005');
    const report = await verifyLog(log.place, log.position);
    assert.deepEqual([report.problems, report.firstSequence, report.lastSequence], [[], 13, 31]);
    assert.equal(await deleteExpired(log, RETENTION_MS), null, 'nothing more is old enough');
    await log.close();
    await (await rig.open()).close();
    assert.ok((await rig.verify()).isSound);
    const [newest] = (await searchLog(new LogReader(await rig.place(), null), { limit: 1 })).records;
    assert.deepEqual([newest?.action, newest?.details['lastSequence']], ['audit.expire', 12]);
    clock.nowMs += 2 * RETENTION_MS;
    const again = await rig.open();
    await again.append(entry(1));
    assert.ok((await deleteExpired(again, RETENTION_MS)) !== null);
    await again.close();
    assert.deepEqual((await rig.verify()).problems, [], 'one checkpoint stands for all that was deleted');
  });

  it('deletes nothing of which a record is younger, whatever the clock said in between', async () => {
    const clock = new SetClock();
    await using rig = await createAuditRig(clock);
    const log = await rig.open(SMALL);
    await fill(log, 20, 10);
    clock.nowMs = 0; // a machine that starts without a clock
    await fill(log, 100, 10);
    clock.nowMs = Date.UTC(2030, 0, 2);
    await fill(log, 100, 10);
    assert.ok(log.position.segment >= 4);
    assert.equal(await deleteExpired(log, RETENTION_MS), null);
    await log.close();
  });

  it('finishes a deletion that was interrupted', async () => {
    const clock = new SetClock();
    await using rig = await createAuditRig(clock);
    const log = await rig.open(SMALL);
    await fill(log, 200, 10);
    const [first] = segmentFiles(rig.path) as [string];
    const kept = join(rig.path, '..', 'kept');
    copyFileSync(join(rig.path, first), kept);
    clock.nowMs += RETENTION_MS + DAY_MS;
    assert.ok((await deleteExpired(log, RETENTION_MS)) !== null);
    await log.close();
    copyFileSync(kept, join(rig.path, first));
    assert.ok((await rig.verify()).isSound);
    await (await rig.open(SMALL)).close();
    assert.ok(!segmentFiles(rig.path).includes(first));
  });

  it('does not trust a checkpoint that the daemon did not sign', async () => {
    const clock = new SetClock();
    await using rig = await createAuditRig(clock);
    const log = await rig.open(SMALL);
    await fill(log, 200, 10);
    clock.nowMs += RETENTION_MS + DAY_MS;
    await deleteExpired(log, RETENTION_MS);
    await fill(log, 200, 10);
    await log.close();
    const { StateFile } = await import('../../src/config/state_file.ts');
    const file = new StateFile(rig.at.dir, rig.path, 'checkpoint.json');
    const { body } = (await file.read())!;
    await file.write({ ...body, throughSegment: (body['throughSegment'] as number) + 1 });
    const before = segmentFiles(rig.path);
    const problems = (await rig.verify()).problems.map((problem) => problem.kind);
    assert.equal(problems[0], 'checkpoint');
    await (await rig.open(SMALL)).close();
    assert.deepEqual(segmentFiles(rig.path).slice(0, before.length), before, 'nothing is deleted for it');
  });
});

describe('the second place', () => {
  it('gets what is new, and is a sound log by itself', async () => {
    await using rig = await createAuditRig();
    const at = await rig.folder('second');
    const log = await rig.open(SMALL);
    const second = new SecondPlace(log, at);
    assert.ok((await second.ship()).sizeBytes > 0);
    for (let round = 0; round < 5; round += 1) {
      await fill(log, 60, 7);
      const { sizeBytes } = await second.ship();
      assert.ok(sizeBytes > 60 * 150 && sizeBytes < 60 * 400, `${sizeBytes} bytes for 60 records`);
      const report = await verifyLog(await openLogPlace(rig.ports, rig.vault, at), null);
      assert.deepEqual([report.problems, report.lastSequence, report.notes], [[], 60 * (round + 1), []]);
    }
    assert.equal((await second.ship()).sizeBytes, 0);
    await log.close();
    for (const name of segmentFiles(rig.path)) {
      assert.deepEqual(readFileSync(join(at.dirPath, name)), readFileSync(join(rig.path, name)), name);
    }
    await using copy = await (await import('../../src/access/audit/audit_log.ts')).AuditLog.open(
      rig.ports,
      rig.vault,
      at,
    );
    assert.deepEqual(copy.opening, { dropped: null, damage: null }, 'it can take the place of the first one');
  });

  it('keeps what was cut off or rolled back in the first place, and says so', async () => {
    await using rig = await createAuditRig();
    const at = await rig.folder('second');
    const before = ['head', 'keys.json', 'segment-00000001'];
    const log = await rig.open();
    await fill(log, 10);
    await log.close();
    const rolledBack = before.map((name) => [name, readFileSync(join(rig.path, name))] as const);
    const more = await rig.open();
    await fill(more, 10);
    await new SecondPlace(more, at).ship();
    await more.close();
    for (const [name, bytes] of rolledBack) writeFileSync(join(rig.path, name), bytes);
    assert.ok((await rig.verify()).isSound, 'by itself the older state is a sound log');
    await using again = await rig.open();
    await rejectsWith(new SecondPlace(again, at).ship(), 'CW_AUDIT_DAMAGED');
    await fill(again, 30);
    await rejectsWith(new SecondPlace(again, at).ship(), 'CW_AUDIT_DAMAGED');
    const copy = await verifyLog(await openLogPlace(rig.ports, rig.vault, at), null);
    assert.deepEqual([copy.isSound, copy.lastSequence], [true, 20]);
  });

  it('follows deletions', async () => {
    const clock = new SetClock();
    await using rig = await createAuditRig(clock);
    const at = await rig.folder('second');
    await using log = await rig.open(SMALL);
    const second = new SecondPlace(log, at);
    await fill(log, 200, 10);
    await second.ship();
    clock.nowMs += RETENTION_MS + DAY_MS;
    await deleteExpired(log, RETENTION_MS);
    await second.ship();
    assert.deepEqual(segmentFiles(at.dirPath), segmentFiles(rig.path));
    assert.ok((await verifyLog(await openLogPlace(rig.ports, rig.vault, at), null)).isSound);
  });

  it('says when it cannot be written, and catches up', async () => {
    await using rig = await createAuditRig();
    const at = await rig.folder('second');
    await using log = await rig.open(SMALL);
    const second = new SecondPlace(log, at);
    await fill(log, 50, 10);
    await second.ship();
    const [first] = segmentFiles(at.dirPath) as [string];
    const { size } = statSync(join(at.dirPath, first));
    truncateSync(join(at.dirPath, first), size - 10);
    assert.equal((await second.ship()).sizeBytes, 10, 'what the copy has lost is there again');
    rmSync(join(at.dirPath, 'head'));
    await rejectsWith(second.ship(), 'CW_AUDIT_DAMAGED');
  });

  it('is served until the daemon stops, the last records included', async () => {
    await using rig = await createAuditRig();
    const at = await rig.folder('second');
    const log = await rig.open();
    const stop = new AbortController();
    const results: unknown[] = [];
    const running = new SecondPlace(log, at).run(stop.signal, (failure) => results.push(failure));
    await fill(log, 10);
    stop.abort();
    await running;
    await log.close();
    assert.ok(results.length >= 1 && results.every((one) => one === null));
    assert.equal((await verifyLog(await openLogPlace(rig.ports, rig.vault, at), null)).lastSequence, 10);
    assert.deepEqual(await sequencesOf(rig), [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });
});
