import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const NODE_PACKAGE = `node-${process.platform}-${process.arch}`;
const MAIN = `process.stdout.write(JSON.stringify({ file: import.meta.filename, args: process.argv.slice(2) }));
if (process.argv[2] === 'exit') process.exitCode = Number(process.argv[3]);
if (process.argv[2] === 'wait') setInterval(() => {}, 1_000);`;

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'causeway-shims-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** Something that looks like the package: the shims, and a program as source or as bundle. */
function makePackage(path: string, program: 'src/cli/main.ts' | 'dist/causeway.mjs' | null): string {
  const root = join(folder, path);
  mkdirSync(join(root, 'bin'), { recursive: true });
  for (const name of ['causeway', 'causeway-agent'])
    copyFileSync(join(ROOT, 'bin', name), join(root, 'bin', name));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  if (program) {
    mkdirSync(dirname(join(root, program)), { recursive: true });
    writeFileSync(join(root, program), MAIN);
  }
  return root;
}

/** Puts the Node that runs this test where npm puts the pinned one. */
function installNode(nodeModules: string): void {
  const bin = join(nodeModules, NODE_PACKAGE, 'bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(process.execPath, join(bin, 'node'));
}

function run(command: string, args: readonly string[] = [], env: Record<string, string> = {}, cwd = folder) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', HOME: folder, ...env },
  });
  return { ...result, json: () => JSON.parse(result.stdout) as { file: string; args: string[] } };
}

describe('bin/causeway', () => {
  let checkout = '';
  before(() => {
    checkout = makePackage('a checkout', 'src/cli/main.ts');
    installNode(join(checkout, 'node_modules'));
  });

  it('runs the sources of a checkout and passes arguments as they are', () => {
    const { json, stderr } = run(join(checkout, 'bin/causeway'), ['cp', 'a b', '', '--x=$HOME', '*']);
    assert.deepEqual(json(), {
      file: join(checkout, 'src/cli/main.ts'),
      args: ['cp', 'a b', '', '--x=$HOME', '*'],
    });
    assert.equal(stderr, '');
  });

  it('is found through links, relative ones too, and from its own folder', () => {
    mkdirSync(join(folder, 'links/deep'), { recursive: true });
    symlinkSync(join(checkout, 'bin/causeway'), join(folder, 'links/absolute'));
    symlinkSync('../absolute', join(folder, 'links/deep/relative'));
    assert.deepEqual(run(join(folder, 'links/deep/relative')).json().args, []);
    assert.deepEqual(run('sh', ['causeway', 'x'], {}, join(checkout, 'bin')).json().args, ['x']);
    assert.deepEqual(run('./causeway', ['x'], { CDPATH: '/:/tmp' }, join(checkout, 'bin')).json().args, [
      'x',
    ]);
  });

  it('gives the exit code and takes signals itself, with no process in between', async () => {
    assert.equal(run(join(checkout, 'bin/causeway'), ['exit', '5']).status, 5);
    const child = spawn(join(checkout, 'bin/causeway'), ['wait'], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const ended = new Promise((resolve) => child.once('exit', (_code, signal) => resolve(signal)));
    child.kill('SIGTERM');
    assert.equal(await ended, 'SIGTERM');
  });

  it('runs the bundle where there are no sources, with Node beside the package', () => {
    const root = makePackage('global/node_modules/causeway', 'dist/causeway.mjs');
    installNode(join(folder, 'global/node_modules'));
    assert.equal(run(join(root, 'bin/causeway')).json().file, join(root, 'dist/causeway.mjs'));
  });

  it('says what is missing', () => {
    const empty = run(join(makePackage('empty', null), 'bin/causeway'));
    assert.equal(empty.status, 1);
    assert.match(
      empty.stderr,
      /^causeway: neither src\/cli\/main\.ts nor dist\/causeway\.mjs is in .*\/empty/,
    );
    const tools = join(folder, 'tools');
    mkdirSync(tools);
    symlinkSync('/bin/sh', join(tools, 'sh'));
    const root = makePackage('bare', 'src/cli/main.ts');
    const noNode = run('/bin/sh', [join(root, 'bin/causeway')], { PATH: tools });
    assert.equal(noNode.status, 1);
    assert.match(noNode.stderr, /no Node 26 or newer is in PATH \(found: none\)/);
    assert.match(noNode.stderr, /npm ci/);
  });

  it('takes the Node in PATH where none is pinned, if it is new enough', () => {
    const root = makePackage('system', 'src/cli/main.ts');
    const old = join(folder, 'old');
    mkdirSync(old);
    writeFileSync(join(old, 'node'), '#!/bin/sh\necho 20.1.0\n');
    chmodSync(join(old, 'node'), 0o755);
    const refused = run(join(root, 'bin/causeway'), [], { PATH: `${old}:/usr/bin:/bin` });
    assert.match(refused.stderr, /found: 20\.1\.0/);
    const accepted = run(join(root, 'bin/causeway'), ['x'], {
      PATH: `${dirname(process.execPath)}:/usr/bin:/bin`,
    });
    assert.deepEqual(accepted.json().args, ['x']);
  });

  it('keeps compiled code in a folder of the user, and nowhere else', () => {
    writeFileSync(
      join(checkout, 'src/cli/main.ts'),
      "process.stdout.write(process.env.NODE_COMPILE_CACHE ?? 'undefined');",
    );
    const cacheOf = (env: Record<string, string>): string =>
      run(join(checkout, 'bin/causeway'), [], env).stdout;
    assert.equal(cacheOf({}), join(folder, '.cache/causeway/code'));
    assert.equal(cacheOf({ XDG_CACHE_HOME: folder }), join(folder, 'causeway/code'));
    assert.equal(cacheOf({ NODE_COMPILE_CACHE: join(folder, 'own') }), join(folder, 'own'));
    assert.equal(cacheOf({ HOME: join(folder, 'absent') }), 'undefined');
    assert.equal(cacheOf({ HOME: '' }), 'undefined');
    writeFileSync(join(checkout, 'src/cli/main.ts'), MAIN);
  });

  it('differs from bin/causeway-agent in names only', () => {
    const text = (name: string): string => readFileSync(join(ROOT, 'bin', name), 'utf8');
    const renamed = text('causeway-agent')
      .replaceAll('src/guest/main.ts', 'src/cli/main.ts')
      .replaceAll('causeway-agent', 'causeway')
      .replace('guest agent', 'command line');
    assert.equal(renamed, text('causeway'));
  });
});
