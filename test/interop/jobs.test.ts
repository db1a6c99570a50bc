import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobPage, JobView } from '../../src/contract/schemas.ts';
import { Rig, until } from './rig.ts';
import { randomFile, sha256 } from './trees.ts';

const MIB = 1024 * 1024;

/** A window that does not open for two hours. */
function closedWindow(): string {
  const hour = (later: number) => String((new Date().getHours() + later) % 24).padStart(2, '0');
  return `${hour(2)}:30-${hour(3)}:30`;
}

test('a killed daemon takes its queue up as it was: paused, waiting and running copies', {
  timeout: 180_000,
}, async (t) => {
  await using rig = await Rig.start();
  const [large, small, other] = ['large', 'small', 'other'].map((name) => join(rig.hostFiles, name)) as [
    string,
    string,
    string,
  ];
  randomFile(large, 600 * MIB);
  randomFile(other, 300 * MIB);
  writeFileSync(small, 'small');
  const paused = await rig.startJob('in', large, rig.guestFiles);
  await until('a part is durable', 30_000, async () =>
    (await rig.job(paused.id)).durableBytes > 64 * MIB ? true : null,
  );
  const told = await rig.cli('jobs', 'pause', paused.id);
  assert.equal(told.code, 0, told.err);
  assert.match(told.out, /paused: causeway jobs resume/);
  const before = await rig.job(paused.id);
  const window = closedWindow();
  const options = ['--detach', '--window', window, '--priority', '3', '--retries', '2'];
  const waiting = (await rig.cli('cp', ...options, small, `vm:${rig.guestFiles}`)).out.trim();
  const running = await rig.startJob('in', other, rig.guestFiles);
  await until('bytes flow', 30_000, async () => ((await rig.job(running.id)).durableBytes > 0 ? true : null));
  await rig.daemon.kill('SIGKILL');
  rig.startDaemon();
  await rig.daemon.ready;
  const [a, b] = [await rig.job(paused.id), await rig.job(waiting)];
  assert.deepEqual([a.state, a.durableBytes, a.percent], ['paused', before.durableBytes, before.percent]);
  assert.deepEqual(
    [b.state, b.waiting?.reason, b.priority, b.retries, b.windows],
    ['waiting', 'window', 3, { max: 2, used: 0 }, [window]],
  );
  assert.equal((await rig.waitJob(running.id)).state, 'done');
  assert.equal((await rig.cli('jobs', 'resume', paused.id)).code, 0);
  const end = await rig.waitJob(paused.id);
  assert.equal(end.state, 'done', JSON.stringify(end.error));
  assert.ok(end.recoveredBytes >= before.durableBytes, `${end.recoveredBytes} of ${before.durableBytes}`);
  assert.equal(sha256(join(rig.guestFiles, 'large')), sha256(large));
  assert.ok(!existsSync(join(rig.guestFiles, 'small')));
  t.diagnostic(`paused at ${before.durableBytes} bytes, resumed with ${end.recoveredBytes}`);
});

describe('the command line of the queue', () => {
  let rig: Rig;
  const ids: string[] = [];
  before(async () => {
    rig = await Rig.start();
    writeFileSync(join(rig.hostFiles, 'file'), 'content');
    for (const name of ['x', 'y', 'z']) {
      const to = `vm:${rig.guestFiles}/${name}`;
      const made = await rig.cli(
        'cp',
        '--detach',
        '--window',
        closedWindow(),
        join(rig.hostFiles, 'file'),
        to,
      );
      ids.push(made.out.trim());
    }
  });
  after(() => rig[Symbol.asyncDispose]());

  async function list(...args: string[]): Promise<JobPage> {
    const { code, out, err } = await rig.cli('jobs', 'ls', '--json', ...args);
    assert.equal(code, 0, err);
    return JSON.parse(out) as JobPage;
  }
  const idsOf = ({ jobs }: JobPage) => jobs.map(({ id }) => id);

  test('lists jobs newest first, page by page, by state and machine', async () => {
    const [x, y, z] = ids;
    assert.deepEqual(idsOf(await list()), [z, y, x]);
    const first = await list('--limit', '2');
    assert.deepEqual(idsOf(first), [z, y]);
    const second = await list('--limit', '2', '--cursor', first.nextCursor!);
    assert.deepEqual([idsOf(second), second.nextCursor], [[x], null]);
    assert.equal((await rig.cli('jobs', 'pause', y!)).code, 0);
    assert.deepEqual(idsOf(await list('--state', 'paused')), [y]);
    assert.deepEqual(idsOf(await list('--state', 'waiting,paused', '--vm', 'vm')), [z, y, x]);
    assert.deepEqual(idsOf(await list('--state', 'done', '--state', 'failed')), []);
    assert.deepEqual(idsOf(await list('--vm', 'nobody')), []);
    const { out, err } = await rig.cli('jobs', 'ls', '--limit', '1');
    assert.match(out, /^ID +STATE +PRIORITY +DONE +SIZE +COPY\n/);
    assert.match(err, /--cursor \d+/);
  });

  test('says why a job waits, and pauses, resumes and cancels it', async () => {
    const [x, y] = ids;
    const shown = await rig.cli('jobs', 'show', x!);
    assert.match(shown.out, /queue +priority 0, only \d\d:30-\d\d:30/);
    assert.match(shown.out, /waiting for its time window until \d\d:30/);
    const resumed = JSON.parse((await rig.cli('jobs', 'resume', y!, '--json')).out) as JobView;
    assert.deepEqual([resumed.state, resumed.waiting?.reason], ['waiting', 'window']);
    assert.equal((await rig.cli('jobs', 'cancel', y!)).code, 0);
    const refused = await rig.cli('jobs', 'resume', y!);
    assert.equal(refused.code, 4);
    assert.match(refused.err, /is cancelled and cannot be resumed/);
    assert.match(refused.err, /\(CW_JOB_STATE\)/);
    assert.equal((await rig.cli('jobs', 'pause', 'ffffffff')).code, 4);
  });

  test('the same copy asked for without a detour joins its job and takes the new window', async () => {
    const [x] = ids;
    const args = [
      'cp',
      '--json',
      '--window',
      '00:00-24:00',
      join(rig.hostFiles, 'file'),
      `vm:${rig.guestFiles}/x`,
    ];
    const { code, out } = await rig.cli(...args);
    assert.equal(code, 0);
    const last = JSON.parse(out.trim().split('\n').at(-1)!) as JobView;
    assert.deepEqual([last.id, last.state], [x, 'done']);
    assert.ok(existsSync(join(rig.guestFiles, 'x')));
  });

  for (const [why, ...args] of [
    ['a priority out of range', 'cp', '--priority', '11', '/etc/hosts', 'vm:/tmp'],
    ['a priority that is no number', 'cp', '--priority', 'high', '/etc/hosts', 'vm:/tmp'],
    ['retries below none', 'cp', '--retries', '-1', '/etc/hosts', 'vm:/tmp'],
    ['half a window', 'cp', '--window', '22:00', '/etc/hosts', 'vm:/tmp'],
    ['an empty window', 'cp', '--window', '22:00-22:00', '/etc/hosts', 'vm:/tmp'],
    ['an unknown state', 'jobs', 'ls', '--state', 'asleep'],
    ['a page of nothing', 'jobs', 'ls', '--limit', '0'],
    ['a cursor that is none', 'jobs', 'ls', '--cursor', 'next'],
  ] as const) {
    test(`refuses ${why}`, async () => {
      const { code, err } = await rig.cli(...args);
      assert.equal(code, 2, err);
      assert.match(err, /\(CW_USAGE\)/);
    });
  }

  for (const args of [['cp'], ['jobs', 'ls'], ['jobs', 'pause'], ['jobs', 'resume']]) {
    test(`causeway ${args.join(' ')} --help shows an example`, async () => {
      const { code, out } = await rig.cli(...args, '--help');
      assert.equal(code, 0);
      assert.match(out, /Example:\n {2}causeway /);
    });
  }
});
