import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Rig } from './rig.ts';

const FILES = [
  'a.o',
  'keep.o',
  'src/a.o',
  'src/a.c',
  'build/out',
  'src/build/out',
  'doc/x/y.tmp',
  '.git/HEAD',
  'A.O',
];

describe('cp --exclude', () => {
  let rig: Rig;
  before(async () => {
    rig = await Rig.start();
    for (const folder of [join(rig.hostFiles, 'tree'), join(rig.guestFiles, 'tree')]) layOut(folder, FILES);
  });
  after(() => rig[Symbol.asyncDispose]());

  const files = (folder: string) =>
    execFileSync('find', ['.', '-path', './.causeway', '-prune', '-o', '-type', 'f', '-printf', '%P\\n'], {
      cwd: folder,
      encoding: 'utf8',
    })
      .split('\n')
      .filter(Boolean)
      .toSorted();

  test('into the machine and out of it, with patterns of a file', async () => {
    const list = join(rig.hostFiles, 'patterns');
    writeFileSync(list, '# what is made\n*.o\n!keep.o\n\n/build/\n');
    const flags = ['--exclude-from', list, '--exclude', '.git/', '--exclude', '*.tmp'];
    const wanted = ['A.O', 'keep.o', 'src/a.c', 'src/build/out'];
    const places = [
      [
        `${join(rig.hostFiles, 'tree')}/.`,
        `vm:${join(rig.guestFiles, 'into')}`,
        join(rig.guestFiles, 'into'),
      ],
      [`vm:${join(rig.guestFiles, 'tree')}/.`, join(rig.hostFiles, 'out'), join(rig.hostFiles, 'out')],
    ] as const;
    for (const [from, to, there] of places) {
      mkdirSync(there);
      const { code, err } = await rig.cli('cp', ...flags, from, to);
      assert.equal(code, 0, err);
      assert.deepEqual(files(there), wanted.toSorted());
    }
    const named = await rig.cli('cp', ...flags, join(rig.hostFiles, 'tree'), `vm:${rig.guestFiles}/named/`);
    assert.equal(named.code, 0, named.err);
    assert.deepEqual(files(join(rig.guestFiles, 'named')), wanted.map((path) => `tree/${path}`).toSorted());
  });

  test('with --delete what is excluded stays at the destination, with the folders around it', async () => {
    const there = join(rig.guestFiles, 'mirror');
    layOut(there, ['gone', 'logs/today.log', 'logs/gone', 'old/deep/x.log', 'old/gone', 'none/gone']);
    const { code, err } = await rig.cli(
      'cp',
      '--delete',
      '--exclude',
      '*.log',
      '--exclude',
      '/logs/',
      `${join(rig.hostFiles, 'tree')}/.`,
      `vm:${there}`,
    );
    assert.equal(code, 0, err);
    const kept = ['logs/gone', 'logs/today.log', 'old/deep/x.log', 'old/gone'];
    assert.deepEqual(files(there), [...FILES, ...kept].toSorted());
    assert.ok(!readdirSync(there).includes('none'));
  });

  test('a file of patterns that is not there is told before anything is done', async () => {
    const there = join(rig.guestFiles, 'never');
    const { code, err } = await rig.cli('cp', '--exclude-from', '/no/such', rig.hostFiles, `vm:${there}`);
    assert.equal(code, 1, err);
    assert.match(err, /cannot read \/no\/such/);
    assert.ok(!readdirSync(rig.guestFiles).includes('never'));
  });
});

function layOut(folder: string, paths: readonly string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), path);
  }
}
