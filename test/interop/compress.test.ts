import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView, StartJobRequest } from '../../src/contract/schemas.ts';
import { SteadyProxy } from '../fixtures/steady_proxy.ts';
import { type Machine, Rig, ROOT, until } from './rig.ts';
import { listing, randomFile, sha256 } from './trees.ts';

const MIB = 1024 * 1024;

/** What people archive: source code, documents, logs; the same on every machine. */
function textTree(path: string, logBytes: number): void {
  mkdirSync(path, { recursive: true });
  for (const part of ['src', 'test', 'docs', 'package-lock.json'])
    cpSync(join(ROOT, part), join(path, part), { recursive: true });
  logFile(join(path, 'access.log'), logBytes);
}

/** A log with addresses, times, paths, sizes and codes that vary; it repeats itself each 4 MiB, as far as any message reaches. */
function logFile(path: string, sizeBytes: number): void {
  writeFileSync(path, '');
  const text = logText(Math.min(sizeBytes, 4 * MIB));
  for (let at = 0; at < sizeBytes; at += text.length) appendFileSync(path, text);
}

function logText(sizeBytes: number): string {
  let state = 12345;
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  let text = '';
  for (let second = 0; text.length < sizeBytes; second += next(3)) {
    const when = new Date(1_700_000_000_000 + second * 1000).toISOString();
    const host = `10.${next(4)}.${next(256)}.${next(256)}`;
    const path = `/items/${next(100_000)}?page=${next(40)}`;
    const code = [200, 200, 200, 304, 404][next(5)];
    text += `${host} - - [${when}] "GET ${path} HTTP/1.1" ${code} ${next(60_000)} ${next(900)}ms\n`;
  }
  return text;
}

describe('compressed copies', () => {
  let rig: Rig;
  let b: Machine;
  before(async () => {
    rig = await Rig.start();
    b = await rig.addMachine('b');
    textTree(join(rig.hostFiles, 'tree'), 6 * MIB);
    randomFile(join(rig.hostFiles, 'tree', 'noise'), 3 * MIB + 5);
  });
  after(() => rig[Symbol.asyncDispose]());

  async function wireBytes(name: string): Promise<number> {
    const { sentBytes, receivedBytes } = await rig.client.call('showVm', { name });
    return sentBytes + receivedBytes;
  }

  async function copy(request: Partial<StartJobRequest>): Promise<{ end: JobView; wire: number }> {
    const vm = request.vm ?? 'vm';
    const before = await wireBytes(vm);
    const whole = {
      direction: 'in' as const,
      vm,
      sources: [],
      destination: '',
      ...request,
    } as StartJobRequest;
    const end = await rig.waitJob((await rig.client.call('startJob', {}, whole)).id);
    assert.equal(end.state, 'done', JSON.stringify(end.error ?? end.problems));
    return { end, wire: (await wireBytes(vm)) - before };
  }

  test('a tree goes in, out and across, in fewer bytes, and is what it was', {
    timeout: 90_000,
  }, async (t) => {
    const tree = join(rig.hostFiles, 'tree');
    const expected = listing(tree);
    const steps: Partial<StartJobRequest>[] = [
      { direction: 'in', sources: [tree], destination: `${rig.guestFiles}/` },
      { direction: 'out', sources: [join(rig.guestFiles, 'tree')], destination: join(rig.hostFiles, 'back') },
      {
        direction: 'between',
        fromVm: 'vm',
        vm: 'b',
        sources: [join(rig.guestFiles, 'tree')],
        destination: `${b.files}/`,
      },
    ];
    const places = [join(rig.guestFiles, 'tree'), join(rig.hostFiles, 'back'), join(b.files, 'tree')];
    for (const [at, step] of steps.entries()) {
      const { end, wire } = await copy({ ...step, compress: 3 });
      const { beforeBytes, afterBytes, skippedBytes, level } = end.compression!;
      t.diagnostic(
        `${step.direction}: ${end.plannedBytes} bytes, ${wire} on the wire, ${JSON.stringify(end.compression)}`,
      );
      assert.equal(listing(places[at]!), expected);
      assert.equal(level, 3);
      assert.equal(beforeBytes + skippedBytes, end.sentBytes, 'every byte is counted once');
      assert.equal(end.sentBytes + end.zeroBytes, end.plannedBytes);
      assert.ok(skippedBytes >= 3 * MIB, 'noise goes as it is');
      assert.ok(afterBytes < beforeBytes / 3);
      assert.ok(wire < 0.6 * end.plannedBytes, `${wire} bytes on the wire`);
      assert.ok(end.stages.some(({ stage, bytes }) => stage === 'compress' && bytes >= beforeBytes));
      assert.ok(end.stages.some(({ stage, bytes }) => stage === 'decompress' && bytes === beforeBytes));
    }
  });

  test('the command line compresses and says what came of it', async () => {
    const log = join(rig.hostFiles, 'tree', 'access.log');
    const done = await rig.cli('cp', '--compress', '5', log, `vm:${join(rig.guestFiles, 'log')}`);
    assert.equal(done.code, 0, done.err);
    assert.match(done.out + done.err, /compressed \(level 5, .* became .* \(\d+\.\d : 1\)/);
    assert.equal(sha256(join(rig.guestFiles, 'log')), sha256(log));
    const { jobs } = await rig.client.call('listJobs', {});
    const shown = await rig.cli('jobs', 'show', jobs[0]!.id);
    assert.match(shown.out, /compressed\s+level 5/);
    assert.match(shown.out, /compress \(host\)/);
    for (const bad of ['0', '20', 'much', '1.5'])
      assert.equal((await rig.cli('cp', '--compress', bad, log, 'vm:x')).code, 2, bad);
    assert.equal((await rig.cli('cp', '--profile', 'tiny', log, 'vm:x')).code, 2);
  });

  test('a changed file: its changes travel compressed', async () => {
    const path = join(rig.hostFiles, 'changing.log');
    logFile(path, 8 * MIB);
    const target = join(rig.guestFiles, 'changing.log');
    await copy({ sources: [path], destination: target, compress: 3 });
    appendFileSync(path, 'a line that is new, again and again\n'.repeat(30_000));
    const { end } = await copy({ sources: [path], destination: target, compress: 3 });
    assert.equal(sha256(target), sha256(path));
    assert.ok(end.reusedBytes > 7 * MIB, `${end.reusedBytes} reused`);
    const { beforeBytes, afterBytes } = end.compression!;
    assert.ok(beforeBytes > 900_000 && afterBytes < beforeBytes / 4, JSON.stringify(end.compression));
  });

  test('an archive is a third of its size on the wire, at most', { timeout: 90_000 }, async (t) => {
    const tree = join(rig.hostFiles, 'archive');
    textTree(tree, 8 * MIB);
    const { end, wire } = await copy({
      sources: [tree],
      destination: `${rig.guestFiles}/`,
      profile: 'archive',
    });
    t.diagnostic(
      `${end.plannedBytes} bytes, ${wire} on the wire: ${(end.plannedBytes / wire).toFixed(2)} : 1`,
    );
    assert.equal(listing(join(rig.guestFiles, 'archive')), listing(tree));
    assert.ok(end.plannedBytes > 3 * wire);
  });

  test('a copy that is killed goes on compressed, and sends nothing twice that is safe', {
    timeout: 90_000,
  }, async (t) => {
    const path = join(rig.hostFiles, 'long.log');
    logFile(path, 32 * MIB);
    const target = join(rig.guestFiles, 'long.log');
    const request = {
      direction: 'in' as const,
      vm: 'vm',
      sources: [path],
      destination: target,
      compress: 1,
      limitBytesPerSecond: 4 * MIB,
    };
    const job = await rig.client.call('startJob', {}, request);
    await until('a part is durable', 60_000, async () =>
      (await rig.job(job.id)).durableBytes > 8 * MIB ? true : null,
    );
    await rig.agent.kill();
    rig.startAgent();
    const end = await rig.waitJob(job.id);
    t.diagnostic(JSON.stringify(end.compression));
    assert.equal(end.state, 'done', JSON.stringify(end.error));
    assert.equal(sha256(target), sha256(path));
    assert.ok(end.attempts > 1 && end.recoveredBytes > 0, `${end.recoveredBytes} recovered`);
    const { beforeBytes, skippedBytes } = end.compression!;
    assert.ok(beforeBytes + skippedBytes <= end.plannedBytes + 64 * MIB);
    assert.equal(beforeBytes + skippedBytes, end.sentBytes);
  });
});

describe('compression by itself', () => {
  async function copied(rig: Rig, name: string): Promise<JobView> {
    const source = join(rig.hostFiles, name);
    const target = join(rig.guestFiles, name);
    const request = { direction: 'in', vm: 'vm', sources: [source], destination: target, compress: 'auto' };
    const job = await rig.client.call('startJob', {}, request as StartJobRequest);
    const end = await rig.waitJob(job.id);
    assert.equal(end.state, 'done', JSON.stringify(end.error));
    assert.equal(sha256(target), sha256(source));
    return end;
  }

  test('over a slow line text is compressed after a while, and noise is not', {
    timeout: 90_000,
  }, async (t) => {
    let proxy: SteadyProxy | null = null;
    const between = async (port: number): Promise<number> => {
      proxy = await SteadyProxy.start(port, 6 * MIB);
      return proxy.port;
    };
    const rig = await Rig.start({ between });
    try {
      logFile(join(rig.hostFiles, 'text'), 36 * MIB);
      const text = await copied(rig, 'text');
      t.diagnostic(`${JSON.stringify(text.compression)} in ${text.elapsedMs} ms`);
      const { level, beforeBytes, afterBytes } = text.compression!;
      assert.ok(level > 0 && beforeBytes > 4 * MIB && afterBytes < beforeBytes / 2);
      randomFile(join(rig.hostFiles, 'noise'), 10 * MIB);
      const noise = await copied(rig, 'noise');
      const nothing = { level: 0, beforeBytes: 0, afterBytes: 0, skippedBytes: noise.sentBytes };
      assert.deepEqual(noise.compression, nothing);
    } finally {
      await rig[Symbol.asyncDispose]();
      await (proxy as SteadyProxy | null)?.[Symbol.asyncDispose]();
    }
  });

  test('nothing is compressed where the line carries what comes', { timeout: 60_000 }, async (t) => {
    await using rig = await Rig.start({ unix: true, trustCarrier: true });
    logFile(join(rig.hostFiles, 'fast'), 96 * MIB);
    const end = await copied(rig, 'fast');
    t.diagnostic(`${JSON.stringify(end.compression)} in ${end.elapsedMs} ms`);
    assert.equal(end.compression?.level, 0);
  });
});
