import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const TOOLS = ['sh', 'dirname', 'sed', 'mktemp', 'rm', 'tail', 'cat'];

const folders: string[] = [];
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'causeway-setup-'));
  folders.push(root);
  write('scripts/packages.txt', '# of the scripts\nrsync\n\n  socat   # with a reason\n');
  write('bench/packages.txt', 'rsync\nrclone'); // no line end
  write('test/lab/packages.txt', 'g++\n');
  copyFileSync(join(ROOT, 'scripts/setup'), join(root, 'scripts/setup'));
  mkdirSync(join(root, 'bin'));
  for (const tool of TOOLS) symlinkSync(which(tool), join(root, 'bin', tool));
});
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function which(tool: string): string {
  const found = ['/bin', '/usr/bin'].map((folder) => join(folder, tool)).find((path) => existsSync(path));
  assert.ok(found, `${tool} is missing`);
  return found;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** A command that stands for one of the system, so that nothing is installed here. */
function command(name: string, script: string): void {
  write(join('bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, 'bin', name), 0o755);
}

/** A Debian on which the packages given are installed; what apt-get is told is written down. */
function debian(installed: readonly string[], options: { user?: number; fails?: string } = {}): void {
  command(
    'dpkg-query',
    installed
      .map((name) => `echo 'ii ${name}'`)
      .concat(`echo 'rc removed'`, 'exit 1')
      .join('\n'),
  );
  command('id', `echo ${options.user ?? 0}`);
  const fails = options.fails ? `case "$*" in *" ${options.fails} "*) echo broken; exit 100 ;; esac` : '';
  command('apt-get', `echo "$DEBIAN_FRONTEND $*" >>"${join(root, 'apt.log')}"\n${fails}`);
}

function setup(env: Record<string, string> = {}) {
  const result = spawnSync(join(root, 'bin/sh'), [join(root, 'scripts/setup')], {
    encoding: 'utf8',
    env: { PATH: join(root, 'bin'), ...env },
  });
  const log = join(root, 'apt.log');
  return { ...result, apt: existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [] };
}

describe('scripts/setup', () => {
  it('only looks where all is in place', () => {
    debian(['rsync', 'socat', 'rclone', 'g++']);
    const { status, stdout, stderr, apt } = setup();
    assert.deepEqual({ status, stdout, stderr, apt }, { status: 0, stdout: '', stderr: '', apt: [] });
  });

  it('installs what is missing of all lists, after an update, asking nothing', () => {
    debian(['rsync', 'g']);
    const { status, stdout, apt } = setup();
    assert.equal(status, 0);
    assert.equal(stdout, 'setup: installing socat rclone g++\n');
    assert.equal(apt.length, 2);
    assert.match(apt[0]!, /^noninteractive .* update/);
    assert.match(apt[1]!, /^noninteractive .* install -y -q --no-install-recommends socat rclone g\+\+$/);
  });

  it('goes on without an update, and says that the installation failed', () => {
    debian([], { fails: 'update' });
    const offline = setup();
    assert.equal(offline.status, 0);
    assert.match(offline.stderr, /update failed/);
    debian([], { fails: 'install' });
    const failed = setup();
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /broken\nsetup: could not install: rsync socat rclone g\+\+/);
  });

  it('names what is missing where it may not install', () => {
    debian(['rsync'], { user: 1000 });
    for (const env of [{}, { CAUSEWAY_SETUP: 'check' }] as Record<string, string>[]) {
      const { status, stdout, apt } = setup(env);
      assert.deepEqual({ status, apt }, { status: 0, apt: [] });
      assert.match(stdout, /sudo apt-get install --no-install-recommends socat rclone g\+\+\n/);
      command('id', 'echo 0');
    }
  });

  it('names the packages where the system is no Debian', () => {
    const { status, stdout } = setup();
    assert.equal(status, 0);
    assert.match(stdout, /no dpkg.*\n.*: rsync socat rsync rclone g\+\+/);
  });
});
