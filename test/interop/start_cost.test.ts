import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, Served, until } from './rig.ts';

/** Parts of Node that are dear to load, by their names in `process.moduleLoadList`, and that no short command needs. */
const DEAR = ['internal/deps/undici/undici', 'http2', '_http_client', 'internal/worker', 'tls'];

/** Tells on descriptor 3, at the end, what the process has loaded of Node. */
const TELLER = `process.on('exit', () => fs.writeSync(3, JSON.stringify(process.moduleLoadList)))`;

function loadedBy(...args: string[]): string[] {
  const teller = `data:text/javascript,${encodeURIComponent(`import fs from 'node:fs'; ${TELLER}`)}`;
  const { output } = spawnSync(
    process.execPath,
    ['--import', teller, join(ROOT, 'src/cli/main.ts'), '--data', join(ROOT, 'no-such-folder'), ...args],
    { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], encoding: 'utf8' },
  );
  const loaded = JSON.parse(output[3] ?? '') as string[];
  return loaded.map((name) => name.replace('NativeModule ', ''));
}

for (const words of [['--help'], ['status'], ['jobs', 'ls'], ['cp', 'a', 'vm:b']])
  test(`causeway ${words.join(' ')} loads nothing dear that it does not need`, () => {
    const loaded = loadedBy(...words);
    assert.ok(loaded.includes('fs'));
    assert.deepEqual(
      DEAR.filter((name) => loaded.includes(name)),
      [],
    );
  });

/** Modules of this project alone that an agent loads: there are some hundreds. */
const MANY_FILES = 200;

test('an agent that is killed has kept its compiled code for the next start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-code-'));
  const code = join(folder, 'code');
  const args = ['run', '--unix', join(folder, 'sock'), '--data', join(folder, 'data')];
  const agent = new Served(join(ROOT, 'src/guest/main.ts'), args, { NODE_COMPILE_CACHE: code });
  try {
    await agent.ready;
    const kept = () =>
      readdirSync(code, { recursive: true, withFileTypes: true }).filter((each) => each.isFile()).length;
    await until('the code is kept', 30_000, async () => (kept() >= MANY_FILES ? true : null));
  } finally {
    await agent.kill();
    rmSync(folder, { recursive: true, force: true });
  }
});
