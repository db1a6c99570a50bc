import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { SharedLine } from '../fixtures/shared_line.ts';
import { type Machine, Rig, until } from './rig.ts';
import { randomFile } from './trees.ts';

const MIB = 1024 * 1024;
/** Of the line that all machines are behind, in each direction, and what the daemon knows of it. */
const LINE_BYTES_PER_SECOND = 2 * MIB;
/** In which the shares are measured. */
const WINDOW_MS = 10_000;
const NAMES = ['a', 'b', 'c'] as const;

describe('copies with several machines behind one line of known rate', () => {
  let rig: Rig;
  const line = new SharedLine(LINE_BYTES_PER_SECOND);
  const machines = new Map<string, Machine>();
  before(async () => {
    rig = await Rig.start({ up: ['--limit', '2M'] });
    for (const name of NAMES) {
      const machine = await rig.addMachine(name, { between: (port) => line.to(name, port) });
      machines.set(name, machine);
      randomFile(join(machine.files, 'big'), 64 * MIB);
    }
    randomFile(join(rig.hostFiles, 'big'), 64 * MIB);
  });
  after(async () => {
    await rig[Symbol.asyncDispose]();
    await line[Symbol.asyncDispose]();
  });

  async function cp(...args: string[]): Promise<string> {
    const { code, out, err } = await rig.cli('cp', '--detach', '--lanes', '4', ...args);
    assert.equal(code, 0, err);
    return out.trim();
  }

  /** What passes the line for each machine while all copies run; they are cancelled then. */
  async function shares(t: TestContext, way: 'forth' | 'back', ids: readonly string[]): Promise<number[]> {
    const passed = () => NAMES.map((name) => line[way].passedBytes.get(name) ?? 0);
    const began = passed();
    await until('all flow', 60_000, () =>
      passed().every((bytes, at) => bytes - began[at]! > MIB) ? true : null,
    );
    const from = passed();
    await wait(WINDOW_MS);
    const got = passed().map((bytes, at) => bytes - from[at]!);
    for (const id of ids) assert.equal((await rig.job(id)).state, 'running');
    await Promise.all(ids.map((id) => rig.client.call('cancelJob', { id })));
    const sum = got.reduce((all, bytes) => all + bytes, 0);
    const result = got.map((bytes) => bytes / sum);
    const rate = (sum / MIB / (WINDOW_MS / 1000)).toFixed(2);
    const text = result.map((share) => (share * 100).toFixed(2)).join(' %, ');
    const error = Math.max(...result.map((share, at) => Math.abs(share - 2 ** at / 7)));
    t.diagnostic(`shares ${text} % of ${rate} MiB/s; largest error ${(error * 100).toFixed(2)} %`);
    return result;
  }

  function near(got: readonly number[]): void {
    for (const [at, share] of got.entries()) assert.ok(Math.abs(share - 2 ** at / 7) <= 0.02, `${got}`);
  }

  test('machines of weights 1:2:4 share the way in, while copies run', { timeout: 120_000 }, async (t) => {
    const ids = await Promise.all(NAMES.map((name) => cp(join(rig.hostFiles, 'big'), `${name}:copy-in`)));
    for (const [at, name] of NAMES.entries()) {
      const { code, err } = await rig.cli('vm', 'set', name, '--weight', String(2 ** at));
      assert.equal(code, 0, err);
    }
    near(await shares(t, 'forth', ids));
    const { weight } = await rig.client.call('showVm', { name: 'c' });
    assert.equal(weight, 4);
  });

  test('and the way out, by what each is granted', { timeout: 120_000 }, async (t) => {
    const ids = await Promise.all(
      NAMES.map((name) => cp(`${name}:big`, join(rig.hostFiles, `copy-of-${name}`))),
    );
    near(await shares(t, 'back', ids));
  });

  test('a copy from one machine to another shares both ways', { timeout: 120_000 }, async (t) => {
    const between = await cp('a:big', 'c:from-a');
    const ids = [
      between,
      await cp('b:big', join(rig.hostFiles, 'copy-of-b2')),
      await cp('c:big', join(rig.hostFiles, 'copy-of-c2')),
    ];
    near(await shares(t, 'back', ids));
  });

  test('the rate is told, and a weight has its range', async () => {
    const { limitBytesPerSecond } = await rig.client.call('status', {});
    assert.equal(limitBytesPerSecond, LINE_BYTES_PER_SECOND);
    const { code, err } = await rig.cli('vm', 'set', 'a', '--weight', '0');
    assert.equal(code, 2, err);
    assert.equal((await rig.cli('vm', 'set', 'nobody', '--weight', '2')).code, 4);
  });
});
