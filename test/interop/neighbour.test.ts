import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import type { StartJobRequest } from '../../src/contract/schemas.ts';
import { Rig, until } from './rig.ts';
import { randomFile, sha256 } from './trees.ts';

const MIB = 1024 * 1024;

/** Nice value (proc(5), field 19 of stat) and I/O priority of each thread. */
function priorities(pid: number): { readonly nice: number; readonly io: string }[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
    const nice = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
    return { nice, io: execFileSync('ionice', ['-p', thread], { encoding: 'utf8' }).trim() };
  });
}

describe('beside other work on the machines', () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.start();
    randomFile(join(rig.hostFiles, 'file'), 24 * MIB);
  });
  after(() => rig[Symbol.asyncDispose]());

  async function running(trafficClass: 'bulk' | 'background'): Promise<string> {
    const request: StartJobRequest = {
      direction: 'in',
      vm: 'vm',
      sources: [join(rig.hostFiles, 'file')],
      destination: join(rig.guestFiles, trafficClass),
      trafficClass,
      limitBytesPerSecond: 8 * MIB,
    };
    const { id } = await rig.client.call('startJob', {}, request);
    await until('something is durable', 30_000, async () =>
      (await rig.job(id)).durableBytes > 0 ? true : null,
    );
    return id;
  }

  test('threads of a copy that nobody waits for come last, those of others as usual', {
    timeout: 60_000,
  }, async () => {
    const usual = await running('bulk');
    for (const { pid } of [rig.daemon, rig.agent]) assert.ok(priorities(pid).every(({ nice }) => nice === 0));
    assert.equal((await rig.waitJob(usual)).state, 'done');
    const gentle = await running('background');
    for (const { pid } of [rig.daemon, rig.agent]) {
      const threads = priorities(pid);
      const lowered = threads.filter(({ nice }) => nice === 10);
      assert.ok(lowered.length > 0 && lowered.length < threads.length, JSON.stringify(threads));
      assert.ok(
        lowered.every(({ io }) => io === 'best-effort: prio 7'),
        JSON.stringify(lowered),
      );
    }
    assert.equal((await rig.waitJob(gentle)).state, 'done');
    assert.equal(sha256(join(rig.guestFiles, 'background')), sha256(join(rig.hostFiles, 'file')));
  });

  test('a huge file leaves nothing of itself in memory, unless it was there before', {
    timeout: 60_000,
  }, async (t) => {
    const source = join(rig.hostFiles, 'huge');
    randomFile(source, 64 * MIB);
    truncateSync(source, LIMITS.cacheFileMinBytes.value);
    execFileSync('dd', [`of=${source}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none']);
    execFileSync('dd', [`if=${source}`, 'iflag=nocache', 'count=0', 'status=none']);
    assert.ok(cachedBytes(source) < 4 * MIB, 'the test begins with nothing in memory');
    const target = join(rig.guestFiles, 'huge');
    const end = await rig.waitJob((await rig.startJob('in', source, target)).id);
    assert.equal(end.state, 'done', JSON.stringify(end.error));
    t.diagnostic(
      `${end.elapsedMs} ms; in memory: source ${cachedBytes(source)}, destination ${cachedBytes(target)}`,
    );
    assert.ok(cachedBytes(source) < 8 * MIB, `${cachedBytes(source)} bytes of the source`);
    assert.ok(cachedBytes(target) < 8 * MIB, `${cachedBytes(target)} bytes of the destination`);
    execFileSync('cmp', ['-n', String(80 * MIB), source, target]);
    execFileSync('dd', [`if=${source}`, 'of=/dev/null', 'bs=1M', 'count=400', 'status=none']);
    const before = cachedBytes(source);
    assert.ok(before >= 400 * MIB);
    const again = await rig.waitJob((await rig.startJob('in', source, join(rig.guestFiles, 'again'))).id);
    assert.equal(again.state, 'done', JSON.stringify(again.error));
    assert.ok(cachedBytes(source) > 0.9 * before, 'somebody else has it in memory, and keeps it');
  });
});

/** By a tool that shares no code with this project. */
function cachedBytes(path: string): number {
  return Number(
    execFileSync('fincore', ['--bytes', '--noheadings', '--output', 'RES', path], { encoding: 'utf8' }),
  );
}
