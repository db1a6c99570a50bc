// Locks that programs take in two mounts of one folder of a machine, and beside them in the folder itself, with a daemon and
// an agent in processes of their own, over TLS. LOCKS=N counts so often in each program, LOCKS=500 is the long form.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from '../interop/rig.ts';
import { type FarRig, startFarMount } from './far_rig.ts';
import { LOCK_PROGRAM as PROGRAM, Program } from './program.ts';
import { skip, until } from './rig.ts';

const TIMES = Number(process.env['LOCKS'] ?? 100);
const SQL_PROGRAM = path.join(ROOT, 'test/mount/sql_program.ts');

describe('locks of two mounts of one folder of a machine', { skip }, () => {
  let far: FarRig;
  let second = '';
  const first = (name: string) => path.join(far.mountpoint, name);
  const other = (name: string) => path.join(second, name);
  const there = (name: string) => path.join(far.source, name);
  const openFiles = () => fs.readdirSync(`/proc/${far.rig.agent.pid}/fd`).length;
  const mountSecond = () =>
    far.rig.client.call('addMount', {}, { vm: 'vm', folder: far.source, mountpoint: second, asRoot: true });

  before(async () => {
    far = await startFarMount();
    second = path.join(far.rig.hostFiles, 'second');
    fs.mkdirSync(second);
    await mountSecond();
  });
  after(() => far[Symbol.asyncDispose]());

  for (const kind of ['fcntl', 'flock', 'ofd'])
    it(`lets each count where another one does not, by ${kind}`, async () => {
      const times = kind === 'ofd' ? Math.ceil(TIMES / 10) : TIMES;
      fs.writeFileSync(there(kind), '0'.padStart(16));
      const places = [first(kind), other(kind), there(kind)];
      const programs = places.map((at) => new Program(PROGRAM, kind, 'count', at, String(times)));
      await Promise.all(programs.map(({ ended }) => ended));
      assert.equal(Number(fs.readFileSync(there(kind), 'latin1')), times * places.length);
    });

  for (const kind of ['fcntl', 'flock', 'ofd'])
    it(`gives a lock of ${kind} to who waits for it when its holder is killed, on either side`, async () => {
      const name = `held-${kind}`;
      fs.writeFileSync(there(name), '');
      const places = [first(name), other(name), there(name), first(name)];
      let holder = new Program(PROGRAM, kind, 'hold', places[0] as string);
      await until('the first one has it', () => holder.has('held'));
      for (const at of places.slice(1)) {
        const waiter = new Program(PROGRAM, kind, 'hold', at);
        await until('the next one wants it', () => waiter.has('ready'));
        assert.ok(!waiter.has('held'));
        holder.kill();
        await until(`it has the lock at ${at}${waiter.errors}`, () => waiter.has('held'));
        holder = waiter;
      }
      holder.kill();
      await holder.ended;
    });

  it('ends the wait of a program that is killed, and lets the next one have it', async () => {
    fs.writeFileSync(there('wait'), '');
    const holder = new Program(PROGRAM, 'fcntl', 'hold', there('wait'));
    await until('it is held', () => holder.has('held'));
    const killed = new Program(PROGRAM, 'fcntl', 'hold', first('wait'));
    await until('it is waited for', () => killed.has('ready'));
    killed.kill();
    await killed.ended;
    holder.kill();
    const last = new Program(PROGRAM, 'fcntl', 'hold', other('wait'));
    await until('the next one has it', () => last.has('held'));
    last.kill();
    await last.ended;
  });

  it('keeps a SQLite database right that is written through both', async () => {
    const transactions = Math.ceil(TIMES * 0.4);
    const programs = [first('data.db'), other('data.db')];
    await new Program(SQL_PROGRAM, 'create', there('data.db')).ended;
    const writers = programs.map((at) => new Program(SQL_PROGRAM, 'write', at, String(transactions)));
    await Promise.all(writers.map(({ ended }) => ended));
    const checker = new Program(SQL_PROGRAM, 'check', there('data.db'));
    await checker.ended;
    assert.ok(checker.has(`ok ${2 * transactions}`), checker.errors);
  });

  it('leaves no lock and no open file behind when a mount goes away', async () => {
    fs.writeFileSync(there('left'), '');
    await far.rig.client.call('removeMount', {}, { mountpoint: second });
    const before = openFiles();
    await mountSecond();
    const holder = new Program(PROGRAM, 'fcntl', 'hold', other('left'));
    await until('it is held', () => holder.has('held'));
    const waiter = new Program(PROGRAM, 'fcntl', 'hold', there('left'));
    await until('it is waited for', () => waiter.has('ready'));
    await far.rig.client.call('removeMount', {}, { mountpoint: second });
    await until('the lock is free', () => waiter.has('held'));
    await until('all is closed', () => openFiles() <= before);
    for (const program of [holder, waiter]) program.kill();
    await mountSecond();
  });
});
