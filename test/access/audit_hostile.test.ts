import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LogReader } from '../../src/access/audit/reader.ts';
import { searchLog } from '../../src/access/audit/search.ts';
import { CausewayError } from '../../src/base/errors.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import {
  type AuditRig,
  createAuditRig,
  entry,
  fill,
  HEADER_BYTES,
  segmentFiles,
  spotsOf,
} from './audit_rig.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const ROUNDS = 150;

/** Bytes that somebody may put in the place of a segment. */
function hostile(dice: Dice, good: readonly Uint8Array[]): Uint8Array {
  const bytes = (good[dice.between(0, good.length - 1)] as Uint8Array).slice();
  switch (dice.pick(['noise', 'empty', 'cut', 'grown', 'zeroed', 'shifted', 'lengths'])) {
    case 'noise':
      return dice.bytes(dice.between(0, 3_000));
    case 'empty':
      return new Uint8Array(0);
    case 'cut':
      return bytes.subarray(0, dice.between(0, bytes.byteLength));
    case 'grown':
      return Buffer.concat([bytes, dice.bytes(dice.between(1, 500))]);
    case 'zeroed': {
      const at = dice.between(0, bytes.byteLength);
      return bytes.fill(0, at, at + dice.between(1, 600));
    }
    case 'shifted': {
      const at = dice.between(0, bytes.byteLength);
      return Buffer.concat([bytes.subarray(0, at), dice.bytes(dice.between(1, 9)), bytes.subarray(at)]);
    }
    default: {
      // every field of a frame head may claim anything
      const at = HEADER_BYTES + dice.between(4, 30);
      if (at + 4 < bytes.byteLength) bytes.set(dice.bytes(4), at);
      return bytes;
    }
  }
}

async function everythingAnswers(rig: AuditRig): Promise<void> {
  const report = await rig.verify();
  assert.equal(report.isSound, report.problemsTotal === 0);
  for (const { fromByte, toByte, firstSequence, lastSequence } of report.problems) {
    if (fromByte !== null && toByte !== null) assert.ok(fromByte <= toByte);
    if (firstSequence !== null && lastSequence !== null) assert.ok(firstSequence <= lastSequence);
  }
  await searchLog(new LogReader(await rig.place(), null), { limit: 1_000, actor: 'a*' });
}

describe(`files that are no audit log (SEED=${SEED})`, () => {
  it('are checked, searched and gone on from without a crash', async () => {
    const dice = Dice.fromSeed(SEED);
    await using rig = await createAuditRig();
    const log = await rig.open({ segmentMaxBytes: 4_000 });
    await fill(log, 60, 4);
    await log.close();
    const names = [...segmentFiles(rig.path), 'head'];
    const good = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(rig.path, name)))]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let changed = dice.between(1, 3); changed > 0; changed -= 1) {
        const name = names[dice.between(0, names.length - 1)] as string;
        writeFileSync(join(rig.path, name), hostile(dice, [...good.values()]));
      }
      await everythingAnswers(rig);
      const again = await rig.open({ segmentMaxBytes: 4_000 });
      assert.ok((await again.append(entry(1))) > 0);
      await again.close();
      await everythingAnswers(rig);
      for (const name of segmentFiles(rig.path)) rmSync(join(rig.path, name));
      for (const [name, bytes] of good) writeFileSync(join(rig.path, name), bytes);
    }
    assert.deepEqual((await rig.verify()).problems, []);
  });

  it('are told as such where they are not even files', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open({ segmentMaxBytes: 4_000 });
    await fill(log, 60, 4);
    await log.close();
    const first = join(rig.path, segmentFiles(rig.path)[0] as string);
    rmSync(first);
    mkdirSync(first);
    await assert.rejects(
      rig.verify(),
      (failure) => failure instanceof CausewayError && /^CW_DISK_/.test(failure.code),
    );
  });
});

describe('an edit of a file around the segments', () => {
  it('is found, whichever byte it is', async () => {
    await using rig = await createAuditRig();
    const log = await rig.open();
    await fill(log, 10);
    await log.close();
    const dice = Dice.fromSeed(SEED);
    for (const name of ['keys.json', 'head']) {
      const path = join(rig.path, name);
      const bytes = new Uint8Array(readFileSync(path));
      for (let round = 0; round < 60; round += 1) {
        const at = dice.between(0, bytes.byteLength - 1);
        const changed = bytes.slice();
        changed[at] = (changed[at] as number) ^ dice.between(1, 255);
        writeFileSync(path, changed);
        const isBlank = name === 'keys.json' && !/\S/.test(String.fromCharCode(bytes[at] as number));
        const found = await rig.verify().then(
          ({ isSound, notes }) => !isSound || notes.length > 0,
          (failure) =>
            failure instanceof CausewayError && /^CW_(DAEMON_STATE|KEY_WRONG|AUDIT_)/.test(failure.code),
        );
        assert.ok(found || isBlank, `byte ${at} of ${name} (SEED=${SEED})`);
      }
      writeFileSync(path, bytes);
    }
    assert.equal(
      spotsOf(await rig.place(), new Uint8Array(readFileSync(join(rig.path, 'segment-00000001')))).length,
      1,
    );
  });
});
