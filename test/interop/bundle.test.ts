import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundle, bundleInParts, licences, makeExecutable } from '../../scripts/bundle.ts';
import { loadNative } from '../../scripts/native_loader.ts';

const FIXTURE = fileURLToPath(new URL('./bundle_fixture.ts', import.meta.url));
const PROGRAMS = { causeway: 'src/cli/main.ts', 'causeway-agent': 'src/guest/main.ts' };

/** BLAKE3 of `abc`, of the official test vectors' implementation (b3sum). */
const HASH_OF_ABC = '6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85';

const run = promisify(execFile);

let folder = '';
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'causeway-bundle-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** A folder that holds nothing, so that nothing but the bundle itself can be found from it. */
function emptyFolder(name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
}

const environment = (extra: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  HOME: folder,
  TMPDIR: emptyFolder('tmp'),
  ...extra,
});

describe('a bundle of the program', () => {
  let place = '';
  let file = '';
  before(async () => {
    const built = join(folder, 'built.mjs');
    assert.deepEqual(await bundle(FIXTURE, built), ['@napi-rs/blake-hash']);
    place = emptyFolder('place');
    file = join(place, 'agent.mjs');
    copyFileSync(built, file);
  });

  it('runs where there is nothing else, in a second thread too, and leaves nothing', async () => {
    const { stdout, stderr } = await run(process.execPath, [file, '--worker', 'a b'], {
      cwd: place,
      env: environment(),
    });
    const { hash, workerHash, args } = JSON.parse(stdout);
    assert.deepEqual({ hash, workerHash }, { hash: HASH_OF_ABC, workerHash: HASH_OF_ABC });
    assert.deepEqual(args, ['--worker', 'a b']);
    assert.equal(stderr, '');
    assert.deepEqual(readdirSync(join(folder, 'tmp')), []);
  });

  it('needs no temporary folder', {
    skip: process.platform !== 'linux' && 'needs memfd_create',
  }, async () => {
    const env = environment({ TMPDIR: join(folder, 'absent') });
    const { stdout, stderr } = await run(process.execPath, [file, '--worker'], { cwd: place, env });
    assert.deepEqual(JSON.parse(stdout).workerHash, HASH_OF_ABC);
    assert.equal(stderr, '');
  });

  it('is the same file when it is built again', async () => {
    const again = join(folder, 'again.mjs');
    await bundle(FIXTURE, again);
    assert.equal(spawnSync('cmp', [join(folder, 'built.mjs'), again]).status, 0);
  });

  it('becomes an executable that needs no Node', async () => {
    const executable = join(emptyFolder('alone'), 'agent');
    makeExecutable(file, executable);
    const env = environment({ PATH: '', NODE_OPTIONS: '--no-such-option' });
    const { stdout, stderr } = await run(executable, ['x', '--help'], { cwd: join(folder, 'alone'), env });
    const { hash, args, execArgv } = JSON.parse(stdout);
    assert.deepEqual({ hash, args, stderr }, { hash: HASH_OF_ABC, args: ['x', '--help'], stderr: '' });
    assert.deepEqual(execArgv, [
      '--disable-warning=ExperimentalWarning',
      '--max-semi-space-size=4',
      '--heap-growing-percent=50',
    ]);
    assert.deepEqual(readdirSync(join(folder, 'tmp')), []);
  });

  it('names the licences of what is in it', () => {
    const text = licences(['@napi-rs/blake-hash'], true);
    assert.match(text, /@napi-rs\/blake-hash \d/);
    assert.match(text, /MIT License/);
    assert.match(text, /Node\.js 26/);
  });
});

describe('the bundled programs', () => {
  for (const [name, entry] of Object.entries(PROGRAMS)) {
    it(`${name} says its usage where there is nothing else`, async () => {
      const file = join(emptyFolder(name), `${name}.mjs`);
      if (name === 'causeway') await bundleInParts(entry, emptyFolder(name), name);
      else await bundle(entry, file);
      const { stdout } = await run(process.execPath, [file, '--help'], {
        cwd: join(folder, name),
        env: environment(),
      });
      assert.match(stdout, new RegExp(`Usage: ${name}\\b`, 'i'));
      assert.ok(statSync(file).mode & 0o100, 'may be executed');
    });
  }

  it('causeway comes in parts, of which each command loads its own', () => {
    const sizes = readdirSync(join(folder, 'causeway')).map(
      (name) => statSync(join(folder, 'causeway', name)).size,
    );
    const all = sizes.reduce((sum, size) => sum + size, 0);
    assert.ok(sizes.length > 20, `${sizes.length} parts`);
    assert.ok(statSync(join(folder, 'causeway', 'causeway.mjs')).size < all / 100);
  });
});

describe('the loader of native code', () => {
  it('says what the bundle holds and what is needed where nothing fits', () => {
    assert.throws(
      () => loadNative('@causeway/absent', { 'sunos-sparc': '' }),
      new RegExp(
        `holds the native part of @causeway/absent for sunos-sparc; none can be loaded on ${process.platform}-`,
      ),
    );
  });

  it('takes the package beside it where the bundle holds none that fits', () => {
    const { blake3 } = loadNative('@napi-rs/blake-hash', {}) as { blake3: (bytes: Uint8Array) => Buffer };
    assert.equal(blake3(Buffer.from('abc')).toString('hex'), HASH_OF_ABC);
  });

  it('tries the next build where one is damaged or for another C library', () => {
    const here = `${process.platform}-${process.arch}`;
    const builds = { [`${here}-damaged`]: Buffer.from('no zstd').toString('base64') };
    assert.equal(typeof loadNative('@napi-rs/blake-hash', builds).blake3, 'function');
    assert.ok(!existsSync(join(tmpdir(), 'native.node')));
  });
});
