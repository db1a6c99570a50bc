import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { createNodeProcesses } from './process.ts';

const processes = createNodeProcesses();

test('a process is alive until it ends, and group ids are none', async () => {
  assert.equal(processes.isAlive(process.pid), true);
  for (const pid of [0, -1, 1.5, Number.NaN]) assert.equal(processes.isAlive(pid), false);
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: 'pipe' });
  const pid = child.pid as number;
  assert.equal(processes.isAlive(pid), true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(processes.isAlive(pid), false);
});

test('a zombie does not run', { skip: process.platform !== 'linux' && 'needs /proc' }, async () => {
  // the shell starts a child that ends at once, then becomes a program that never collects it
  const script = 'true & echo $!; exec sleep 60';
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    const deadlineMs = performance.now() + 5_000;
    while (processes.isAlive(pid) && performance.now() < deadlineMs) await new Promise(setImmediate);
    assert.equal(processes.isAlive(pid), false);
  } finally {
    parent.kill('SIGKILL');
  }
});

test('usage and info describe this process', () => {
  const usage = processes.usage();
  assert.ok(usage.residentBytes > 1e6 && usage.peakResidentBytes >= usage.residentBytes * 0.5);
  assert.ok(usage.cpuMs > 0);
  assert.equal(processes.info.pid, process.pid);
  assert.ok(processes.info.cpuCount >= 1 && processes.info.homeDirectory.startsWith('/'));
});
