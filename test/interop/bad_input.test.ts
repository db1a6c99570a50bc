import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Rig, ROOT, runCli, Served } from './rig.ts';
import { randomFile } from './trees.ts';

describe('bad input is refused with a code, an explanation and nothing left behind', () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.start();
    writeFileSync(join(rig.hostFiles, 'file'), 'content');
  });
  after(() => rig[Symbol.asyncDispose]());

  async function refused(exit: number, code: string, ...args: string[]): Promise<string> {
    const result = await rig.cli(...args);
    assert.match(result.err, new RegExp(`\\(${code}\\)`));
    assert.equal(result.code, exit, result.err);
    return result.err;
  }

  test('a source that is missing, on either side', async () => {
    assert.match(
      await refused(4, 'CW_COPY_SOURCE_MISSING', 'cp', '/no/such/file', `vm:${rig.guestFiles}`),
      /\/no\/such\/file/,
    );
    assert.match(
      await refused(4, 'CW_COPY_SOURCE_MISSING', 'cp', 'vm:/no/such/file', rig.hostFiles),
      /\/no\/such\/file/,
    );
    assert.deepEqual(readdirSync(rig.guestFiles), []);
  });

  test('a destination whose folder is missing', async () => {
    await refused(
      4,
      'CW_COPY_DEST_MISSING',
      'cp',
      join(rig.hostFiles, 'file'),
      `vm:${rig.guestFiles}/no/such/place`,
    );
  });

  test('a folder onto a file', async () => {
    mkdirSync(join(rig.hostFiles, 'folder'));
    writeFileSync(join(rig.guestFiles, 'plain'), 'x');
    await refused(4, 'CW_COPY_KIND', 'cp', join(rig.hostFiles, 'folder'), `vm:${rig.guestFiles}/plain`);
  });

  test('an unknown machine, an unknown job, two local paths, too few arguments', async () => {
    await refused(4, 'CW_VM_UNKNOWN', 'cp', join(rig.hostFiles, 'file'), 'nobody:/tmp');
    await refused(4, 'CW_JOB_UNKNOWN', 'jobs', 'show', 'ffffffff');
    await refused(2, 'CW_COPY_SAME_SIDE', 'cp', '/etc/hosts', '/tmp/x');
    assert.equal((await rig.cli('cp', '/etc/hosts')).code, 2);
    assert.equal((await rig.cli('frobnicate')).code, 2);
    assert.equal((await rig.cli('cp', '--lanes', '17', '/etc/hosts', 'vm:/tmp')).code, 2);
  });

  test('a destination without space, and one that is read-only', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('needs root to mount a small file system');
    const small = join(rig.folder, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small]);
    try {
      randomFile(join(rig.hostFiles, 'large'), 16 << 20);
      assert.match(
        await refused(4, 'CW_COPY_NO_SPACE', 'cp', join(rig.hostFiles, 'large'), `vm:${small}`),
        /needs 16/,
      );
      assert.deepEqual(readdirSync(small), []);
      execFileSync('mount', ['-o', 'remount,ro', small]);
      await refused(4, 'CW_COPY_DEST_READ_ONLY', 'cp', join(rig.hostFiles, 'file'), `vm:${small}`);
    } finally {
      execFileSync('umount', [small]);
    }
  });

  test('a name that is no UTF-8 and entries that cannot be copied are listed; the rest arrives (exit 3)', async () => {
    const odd = join(rig.hostFiles, 'odd');
    mkdirSync(odd);
    writeFileSync(join(odd, 'good'), 'good');
    writeFileSync(Buffer.concat([Buffer.from(`${odd}/bad`), Buffer.from([0xff, 0xfe])]), 'bad');
    execFileSync('mkfifo', [join(odd, 'pipe')]);
    const result = await rig.cli('cp', odd, `vm:${rig.guestFiles}/`);
    assert.equal(result.code, 3, result.err);
    assert.match(result.err, /CW_COPY_NAME_ILLEGAL/);
    assert.match(result.err, /odd\/pipe/);
    assert.deepEqual(readdirSync(join(rig.guestFiles, 'odd')), ['good']);
  });

  test('a token that is damaged, wrong or used; a name that is taken', async () => {
    await refused(
      2,
      'CW_PAIR_TOKEN_MALFORMED',
      'vm',
      'add',
      'x',
      '--tcp',
      '127.0.0.1:1',
      '--token',
      'nonsense',
    );
    await refused(4, 'CW_VM_EXISTS', 'vm', 'add', 'vm', '--unix', '/tmp/none.sock');
    assert.equal((await rig.cli('vm', 'add', 'x')).code, 2);
  });

  test('an agent that is not there: the machine is offline and says why; the copy can be cancelled', async () => {
    assert.equal((await rig.cli('vm', 'add', 'ghost', '--unix', join(rig.folder, 'no.sock'))).code, 0);
    const { out } = await rig.cli('vm', 'show', 'ghost');
    assert.match(out, /no\.sock/);
    const started = await rig.cli('cp', '--detach', join(rig.hostFiles, 'file'), 'ghost:/tmp/file');
    const cancelled = await rig.cli('jobs', 'cancel', started.out.trim());
    assert.equal(cancelled.code, 0, cancelled.err);
    assert.match(cancelled.out, /cancelled/);
  });
});

describe('the daemon', () => {
  test('is told to be missing, and refuses a second one on the same data', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-data-'));
    try {
      const down = await runCli(folder, ['status']);
      assert.equal(down.code, 1);
      assert.match(down.err, /CW_DAEMON_DOWN/);
      const daemon = new Served(join(ROOT, 'src/cli/main.ts'), ['--data', folder, 'up']);
      await daemon.ready;
      const second = await runCli(folder, ['up']);
      assert.equal(second.code, 4);
      assert.match(second.err, /CW_DAEMON_RUNNING/);
      assert.equal((await runCli(folder, ['down'])).code, 0);
      await daemon.kill('SIGTERM');
      assert.ok(existsSync(folder));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
