import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { ownThreadFolder } from './thread_folder.ts';

/** Enters `first`, which is then moved away and replaced by a link to `second`, and makes a file by its bare name; twice. */
const THREAD = `
const { workerData, parentPort } = await import('node:worker_threads');
const fs = await import('node:fs');
const { ownThreadFolder } = await import(${JSON.stringify(new URL('./thread_folder.ts', import.meta.url).href)});
const { first, moved, second } = workerData;
const folder = ownThreadFolder();
if (folder === null) parentPort.postMessage('not here');
else {
  const fd = fs.openSync(first, 'r');
  folder.enter(fd, {});
  fs.renameSync(first, moved);
  fs.symlinkSync(second, first);
  fs.writeFileSync('in-first', 'x');
  const other = fs.openSync(second, 'r');
  const lease = {};
  folder.enter(other, lease);
  folder.enter(other, lease);
  fs.writeFileSync('in-second', 'x');
  folder.leave();
  parentPort.postMessage({ cwd: fs.readlinkSync('/proc/thread-self/cwd') });
}
`;

test('a thread reaches names below the folder it has entered, whatever became of its path, and leaves the process where it is', async (t) => {
  const place = mkdtempSync(join(tmpdir(), 'causeway-folder-'));
  const [first, moved, second] = ['first', 'moved', 'second'].map((name) => join(place, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(first);
  mkdirSync(second);
  try {
    const before = process.cwd();
    const options = {
      workerData: { first, moved, second },
      execArgv: ['--disable-warning=ExperimentalWarning'],
    };
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(THREAD)}`), options);
    const answer = await new Promise<unknown>((resolve, reject) =>
      worker.on('message', resolve).on('error', reject),
    );
    await worker.terminate();
    if (answer === 'not here') return t.skip('this system gives a thread no folder of its own');
    assert.deepEqual(answer, { cwd: '/' });
    assert.equal(process.cwd(), before);
    assert.ok(existsSync(join(moved, 'in-first')));
    assert.deepEqual(
      [existsSync(join(second, 'in-first')), existsSync(join(second, 'in-second'))],
      [false, true],
    );
  } finally {
    rmSync(place, { recursive: true });
  }
});

test('the main thread keeps the folder of the process', () => {
  assert.equal(ownThreadFolder(), null);
});
