import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import type { JobView } from '../../src/contract/schemas.ts';
import { SharedLine } from '../fixtures/shared_line.ts';
import { Rig, until } from './rig.ts';
import { randomFile } from './trees.ts';

const MIB = 1024 * 1024;
const LINE_BYTES_PER_SECOND = 10 * MIB;
const WARM_BYTES_PER_SECOND = 400 * MIB;
/** In which the shares are measured. */
const WINDOW_MS = 10_000;

describe('copies beside each other on one link', () => {
  let rig: Rig;
  let line: SharedLine;
  before(async () => {
    line = new SharedLine(WARM_BYTES_PER_SECOND);
    rig = await Rig.start({ between: (port) => line.to('vm', port) });
    await rig.waitUp();
    for (const folder of [rig.hostFiles, rig.guestFiles]) {
      for (const name of ['warm', 'big']) randomFile(join(folder, name), 256 * MIB);
    }
    // a link that has carried much may have more on its way than two copies have to send
    for (const direction of ['in', 'out'] as const) {
      const id = await started(direction, 'warm', 'first');
      await until('the first copy is done', 60_000, async () =>
        (await rig.job(id)).state === 'done' ? true : null,
      );
    }
    line.rateBytesPerSecond = LINE_BYTES_PER_SECOND;
  });
  after(async () => {
    await rig[Symbol.asyncDispose]();
    await line[Symbol.asyncDispose]();
  });

  async function started(
    direction: 'in' | 'out',
    file: string,
    name: string,
    ...more: string[]
  ): Promise<string> {
    const [from, to] = direction === 'in' ? [rig.hostFiles, rig.guestFiles] : [rig.guestFiles, rig.hostFiles];
    const [source, destination] = [join(from, file), join(to, name)];
    const places = direction === 'in' ? [source, `vm:${destination}`] : [`vm:${source}`, destination];
    const { code, out, err } = await rig.cli('cp', '--detach', '--chunk', '256K', ...more, ...places);
    assert.equal(code, 0, err);
    return out.trim();
  }

  /** What each copy gets of the link while all of them have something to send. */
  async function shares(
    t: TestContext,
    ids: readonly string[],
    bytesOf: (job: JobView) => number,
  ): Promise<number[]> {
    const all = async () => (await Promise.all(ids.map((id) => rig.job(id)))).map(bytesOf);
    // what was read or sent before the others were there is over by then
    await until('all flow', 60_000, async () =>
      (await all()).every((bytes) => bytes > 4 * MIB) ? true : null,
    );
    const from = await all();
    await wait(WINDOW_MS);
    const got = (await all()).map((bytes, at) => bytes - from[at]!);
    for (const id of ids) assert.equal((await rig.job(id)).state, 'running');
    await Promise.all(ids.map((id) => rig.client.call('cancelJob', { id })));
    const sum = got.reduce((total, bytes) => total + bytes, 0);
    t.diagnostic(`${(sum / MIB / (WINDOW_MS / 1000)).toFixed(2)} MiB/s`);
    return got.map((bytes) => bytes / sum);
  }

  for (const direction of ['in', 'out'] as const) {
    test(`weights 1:2:4, ${direction}`, { timeout: 120_000 }, async (t) => {
      const ids = await Promise.all(
        [1, 2, 4].map((weight) => started(direction, 'big', `w${weight}`, '--weight', String(weight))),
      );
      const got = await shares(t, ids, (job) => (direction === 'in' ? job.sentBytes : job.receivedBytes));
      const error = Math.max(...got.map((share, at) => Math.abs(share - 2 ** at / 7)));
      const text = got.map((share) => (share * 100).toFixed(2)).join(' %, ');
      t.diagnostic(`shares ${text} % in ${WINDOW_MS} ms; largest error ${(error * 100).toFixed(2)} %`);
      assert.ok(error <= 0.02, text);
    });
  }

  test('a background copy has one byte in five beside a bulk one', { timeout: 120_000 }, async (t) => {
    const ids = [
      await started('in', 'big', 'bulk'),
      await started('in', 'big', 'background', '--class', 'background'),
    ];
    const [, background] = await shares(t, ids, (job) => job.sentBytes);
    t.diagnostic(`background has ${(background! * 100).toFixed(2)} %`);
    assert.ok(Math.abs(background! - 0.2) <= 0.02, `${background}`);
    assert.equal((await rig.job(ids[1]!)).trafficClass, 'background');
  });
});
