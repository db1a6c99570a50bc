import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { complete, type LockPackages, missingEntries, platformEntry } from '../../scripts/complete_lock.ts';
import { readJson } from './repository.ts';

describe('package-lock.json', () => {
  it('has an entry for every platform package, without which npm ci refuses it', () => {
    const { packages } = readJson<{ packages: LockPackages }>('package-lock.json');
    const names = missingEntries(packages).map(({ name }) => name);
    assert.deepEqual(names, [], 'node_modules/.bin/node scripts/complete_lock.ts adds them');
  });
});

describe('the completion of the lock file', () => {
  const parent = { version: '1.0.0', dev: true };

  it('reads the platform from the name', () => {
    const entry = (name: string) => platformEntry(name, '1.2.3', {});
    const expected = { version: '1.2.3', optional: true };
    assert.deepEqual(entry('@a/b-darwin-arm64'), { ...expected, os: ['darwin'], cpu: ['arm64'] });
    assert.deepEqual(entry('@a/b-linux-x64-musl'), {
      ...expected,
      os: ['linux'],
      cpu: ['x64'],
      libc: ['musl'],
    });
    assert.deepEqual(entry('b-linux-arm-gnueabihf'), {
      ...expected,
      os: ['linux'],
      cpu: ['arm'],
      libc: ['glibc'],
    });
    assert.deepEqual(entry('b-win32-x64-msvc'), { ...expected, os: ['win32'], cpu: ['x64'] });
  });

  it('guesses nothing: a name without a platform, a range instead of a version', () => {
    assert.equal(platformEntry('fsevents', '1.2.3', parent), null);
    assert.equal(platformEntry('@a/b-darwin-arm64', '^1.2.3', parent), null);
    assert.throws(
      () => complete({ 'node_modules/p': { optionalDependencies: { fsevents: '1.2.3' } } }),
      /fsevents 1\.2\.3 is missing in package-lock\.json and is no platform package/,
    );
  });

  it('adds what is missing, keeps what is there, in order of names', () => {
    const there = { version: '1.0.0', integrity: 'sha512-1', optional: true };
    const completed = complete({
      '': {},
      'node_modules/p': {
        ...parent,
        optionalDependencies: { 'p-linux-x64': '1.0.0', 'p-darwin-x64': '1.0.0' },
      },
      'node_modules/p-linux-x64': there,
      'node_modules/q': {},
    });
    assert.deepEqual(Object.keys(completed), [
      '',
      'node_modules/p',
      'node_modules/p-darwin-x64',
      'node_modules/p-linux-x64',
      'node_modules/q',
    ]);
    assert.equal(completed['node_modules/p-linux-x64'], there);
    assert.equal(completed['node_modules/p-darwin-x64']?.dev, true);
    assert.deepEqual(missingEntries(completed), []);
  });
});
