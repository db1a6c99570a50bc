import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import type { StartJobRequest } from '../../src/contract/schemas.ts';
import { Rig, ROOT, until } from './rig.ts';
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

  async function running(trafficClass: 'bulk' | 'background', vm = 'vm'): Promise<string> {
    const request: StartJobRequest = {
      direction: 'in',
      vm,
      sources: [join(rig.hostFiles, 'file')],
      destination: join(rig.guestFiles, `${trafficClass}-${vm}`),
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
    assert.equal(sha256(join(rig.guestFiles, 'background-vm')), sha256(join(rig.hostFiles, 'file')));
  });

  test('an agent that its host reaches over a pipe gives way to its machine, the daemon does not', {
    timeout: 60_000,
  }, async () => {
    const agent = [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      join(ROOT, 'src/guest/main.ts'),
    ];
    const data = join(rig.folder, 'piped');
    const command = [...agent, 'run', '--stdio', '--data', data];
    await rig.client.call('addVm', {}, { name: 'piped', endpoint: { kind: 'exec', argv: command } });
    await rig.waitUp('piped');
    const id = await running('bulk', 'piped');
    const pid = childWith(rig.daemon.pid, data);
    const lowered = priorities(pid).filter(({ nice }) => nice !== 0);
    const ofBytes = lowered.filter(({ nice }) => nice === 5);
    assert.ok(ofBytes.length > 0 && ofBytes.length < lowered.length, JSON.stringify(lowered));
    for (const { nice, io } of lowered) assert.equal(io, `best-effort: prio ${nice === 5 ? 6 : 5}`);
    assert.ok(priorities(rig.daemon.pid).filter(({ nice }) => nice === 5).length === 0);
    assert.equal((await rig.waitJob(id)).state, 'done');
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

/** The child of a process that has this word on its command line. */
function childWith(parent: number, word: string): number {
  const children = readdirSync(`/proc/${parent}/task`).flatMap((thread) =>
    readFileSync(`/proc/${parent}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean),
  );
  const found = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(word));
  assert.ok(found !== undefined, `no child of ${parent} runs with ${word}`);
  return Number(found);
}

/** By a tool that shares no code with this project. */
function cachedBytes(path: string): number {
  return Number(
    execFileSync('fincore', ['--bytes', '--noheadings', '--output', 'RES', path], { encoding: 'utf8' }),
  );
}
