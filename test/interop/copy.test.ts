import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { JobView } from '../../src/contract/schemas.ts';
import { Rig } from './rig.ts';
import { listing, mixedTree, namesIn, randomFile, sha256, unfinishedIn } from './trees.ts';

for (const variant of [
  { name: 'tcp with TLS' },
  { name: 'unix without TLS', unix: true, trustCarrier: true },
  { name: 'unix with TLS', unix: true },
]) {
  describe(`copy over ${variant.name}`, () => {
    let rig: Rig;
    before(async () => {
      rig = await Rig.start(variant);
    });
    after(() => rig[Symbol.asyncDispose]());

    test('a tree goes in and comes back out the same: bytes, modes, times, symlinks', async () => {
      const source = join(rig.hostFiles, 'tree');
      mixedTree(source, 300);
      const into = await rig.cli('cp', '--quiet', source, `vm:${rig.guestFiles}/`);
      assert.equal(into.code, 0, into.err);
      assert.equal(listing(join(rig.guestFiles, 'tree')), listing(source));
      const back = await rig.cli(
        'cp',
        '--quiet',
        `vm:${join(rig.guestFiles, 'tree')}`,
        join(rig.hostFiles, 'back'),
      );
      assert.equal(back.code, 0, back.err);
      assert.equal(listing(join(rig.hostFiles, 'back')), listing(source));
      assert.deepEqual([unfinishedIn(rig.guestFiles), unfinishedIn(rig.hostFiles)], [[], []]);
    });

    for (const size of [
      0, 1, 65_535, 65_536, 131_072, 131_073, 1_048_575, 1_048_576, 1_048_577, 20_000_003,
    ]) {
      test(`a file of ${size} bytes arrives whole`, async () => {
        const source = join(rig.hostFiles, `file-${size}`);
        randomFile(source, size);
        const result = await rig.cli('cp', '--quiet', source, `vm:${join(rig.guestFiles, `copy-${size}`)}`);
        assert.equal(result.code, 0, result.err);
        assert.equal(sha256(join(rig.guestFiles, `copy-${size}`)), sha256(source));
      });
    }
  });
}

describe('what cp means by its arguments', () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.start();
  });
  after(() => rig[Symbol.asyncDispose]());

  test('DIR/. copies what is inside; several sources go into a folder; an existing file is replaced', async () => {
    mkdirSync(join(rig.hostFiles, 'src'));
    writeFileSync(join(rig.hostFiles, 'src', 'a'), 'a');
    writeFileSync(join(rig.hostFiles, 'b'), 'b');
    mkdirSync(join(rig.guestFiles, 'dst'));
    writeFileSync(join(rig.guestFiles, 'dst', 'b'), 'old and longer');
    assert.equal(
      (await rig.cli('cp', `${join(rig.hostFiles, 'src')}/.`, `vm:${join(rig.guestFiles, 'dst')}`)).code,
      0,
    );
    assert.equal(
      (
        await rig.cli(
          'cp',
          join(rig.hostFiles, 'b'),
          join(rig.hostFiles, 'src'),
          `vm:${join(rig.guestFiles, 'dst')}`,
        )
      ).code,
      0,
    );
    assert.deepEqual(namesIn(join(rig.guestFiles, 'dst')), ['a', 'b', 'src']);
    assert.equal(readFileSync(join(rig.guestFiles, 'dst', 'b'), 'utf8'), 'b');
  });

  test('a copy that is there already sends what differs in size or time, and with -I everything', async () => {
    const source = join(rig.hostFiles, 'again');
    mixedTree(source, 60);
    randomFile(join(source, 'large'), 3_000_000);
    const copy = async (...flags: string[]): Promise<JobView> => {
      const { code, out, err } = await rig.cli('cp', '--json', ...flags, source, `vm:${rig.guestFiles}/`);
      assert.equal(code, 0, err);
      const job = JSON.parse(out.trim().split('\n').at(-1)!) as JobView;
      assert.equal(job.percent, 100);
      return job;
    };
    const first = await copy();
    assert.equal(first.sentBytes, first.plannedBytes);
    const again = await copy();
    assert.equal(again.sentBytes, 0);
    assert.equal(again.recoveredBytes, again.plannedBytes);
    writeFileSync(join(source, 'large'), 'now it is short');
    chmodSync(join(rig.guestFiles, 'again', 'large'), 0o600);
    const changed = await copy();
    assert.equal(changed.sentBytes, 'now it is short'.length);
    chmodSync(join(source, 'large'), 0o640);
    assert.equal((await copy()).sentBytes, 0);
    assert.equal(listing(join(rig.guestFiles, 'again')), listing(source));
    assert.equal((await copy('-I', '--whole-file')).sentBytes, changed.plannedBytes);
    const compared = await copy('-I');
    assert.equal(compared.sentBytes + compared.reusedBytes, changed.plannedBytes);
    assert.equal(listing(join(rig.guestFiles, 'again')), listing(source));
  });

  test('a copy with a limit takes its time, both ways, and is not called stalled', async () => {
    const source = join(rig.hostFiles, 'limited');
    randomFile(source, 3 * 1024 * 1024);
    for (const [from, to] of [
      [source, `vm:${join(rig.guestFiles, 'limited')}`],
      [`vm:${join(rig.guestFiles, 'limited')}`, join(rig.hostFiles, 'limited back')],
    ] as const) {
      // the way back would find its bytes under the name that they came from
      const limited = ['--chunk', '64K', '--limit', '1M', '--whole-file'];
      const { code, out, err } = await rig.cli('cp', '--json', ...limited, from, to);
      assert.equal(code, 0, err);
      const views = out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as JobView);
      assert.ok(views.every((view) => view.stall === null));
      // the last piece goes at once when its turn has come
      assert.ok(views.at(-1)!.elapsedMs >= 2_500, `${views.at(-1)!.elapsedMs} ms`);
    }
    assert.equal(sha256(join(rig.hostFiles, 'limited back')), sha256(source));
    const bad = await rig.cli('cp', '--limit', 'fast', source, `vm:${rig.guestFiles}/`);
    assert.equal(bad.code, 2);
    assert.match(bad.err, /--limit fast: a size from 1\.00 KiB to 1\.00 TiB is needed/);
  });

  test('a source that is a symlink is followed, links below are not', async () => {
    writeFileSync(join(rig.hostFiles, 'real'), 'real');
    symlinkSync('real', join(rig.hostFiles, 'named'));
    assert.equal(
      (await rig.cli('cp', join(rig.hostFiles, 'named'), `vm:${join(rig.guestFiles, 'named')}`)).code,
      0,
    );
    assert.ok(statSync(join(rig.guestFiles, 'named')).isFile());
    assert.equal(readFileSync(join(rig.guestFiles, 'named'), 'utf8'), 'real');
  });

  test('JSON lines end with a job that is done, at 100 per cent, and never fall before', async () => {
    randomFile(join(rig.hostFiles, 'big'), 60_000_000);
    const { code, out } = await rig.cli('cp', '--json', join(rig.hostFiles, 'big'), `vm:${rig.guestFiles}`);
    assert.equal(code, 0);
    const views = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { percent: number | null; state: string; endedAtMs: number | null });
    assert.equal(views.at(-1)?.state, 'done');
    assert.equal(views.at(-1)?.percent, 100);
    let last = 0;
    for (const view of views) {
      assert.ok((view.percent ?? last) >= last);
      last = view.percent ?? last;
      if (view.endedAtMs === null) assert.ok(last < 100);
    }
  });

  test('status, jobs and machines are shown, also as JSON', async () => {
    const status = await rig.cli('status', '--json');
    const view = JSON.parse(status.out) as { vms: { state: string; tlsGroup: string; tlsCipher: string }[] };
    assert.equal(view.vms[0]?.state, 'up');
    assert.equal(view.vms[0]?.tlsGroup, 'X25519MLKEM768');
    assert.match(view.vms[0]?.tlsCipher ?? '', /AES_256_GCM/);
    assert.match((await rig.cli('status')).out, /X25519MLKEM768/);
    assert.match((await rig.cli('vm', 'show', 'vm')).out, /protocol 1/);
    const { jobs } = JSON.parse((await rig.cli('jobs', 'ls', '--json')).out) as { jobs: { id: string }[] };
    assert.ok(jobs.length > 0);
    assert.match((await rig.cli('jobs', 'show', jobs.at(-1)!.id)).out, /where the time went/);
  });
});
