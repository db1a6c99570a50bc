import assert from 'node:assert/strict';
import { type Case, registerCases, type WorldHarness } from './harness.ts';

const CASES: readonly Case[] = [
  [
    'knows itself and its machine',
    async ({ world: { process } }) => {
      const { pid, hostName, platform, cpuCount, homeDirectory } = process.info;
      assert.ok(Number.isInteger(pid) && pid > 0);
      assert.notEqual(hostName, '');
      assert.match(platform, /^[a-z0-9]+$/);
      assert.ok(cpuCount >= 1);
      assert.ok(homeDirectory.length > 1);
    },
  ],
  [
    'tells running processes from others',
    async ({ world: { process } }) => {
      assert.equal(process.isAlive(process.info.pid), true);
      assert.equal(process.isAlive(2 ** 30), false);
      assert.equal(process.isAlive(0), false);
      assert.equal(process.isAlive(-1), false);
    },
  ],
  [
    'says what it uses',
    async ({ world: { process } }) => {
      const { residentBytes, peakResidentBytes, cpuMs, mainThreadMs } = process.usage();
      assert.ok(mainThreadMs >= 0 && process.usage().mainThreadMs >= mainThreadMs);
      assert.ok(residentBytes > 1024 ** 2);
      assert.ok(peakResidentBytes > 1024 ** 2);
      assert.ok(cpuMs >= 0);
    },
  ],
  [
    'says what holds it up, or that it does not know',
    async ({ world: { process } }) => {
      const strain = process.strain();
      for (const value of Object.values(strain ?? {}))
        assert.ok(value === null || (Number.isInteger(value) && value >= 0));
    },
  ],
  [
    'says how it is with its memory',
    async ({ world: { process } }) => {
      const { allowedBytes, availableBytes, waitMs } = process.memory();
      assert.ok(Number.isSafeInteger(allowedBytes) && allowedBytes > 1024 ** 2);
      assert.ok(availableBytes === null || (availableBytes >= 0 && availableBytes <= allowedBytes * 2));
      assert.ok(waitMs === null || waitMs >= 0);
    },
  ],
  [
    'says how its engine fares',
    async ({ world: { process } }) => {
      const first = process.runtime();
      assert.ok(first.heapUsedBytes > 0 && first.heapSizeBytes >= first.heapUsedBytes);
      assert.ok(first.openFiles === null || first.openFiles > 2);
      assert.ok(first.openFilesMax === null || first.openFilesMax >= (first.openFiles ?? 0));
      for (const { kind, count, totalMs } of process.runtime().collections)
        assert.ok(kind !== '' && count >= 0 && totalMs >= 0);
      assert.ok(process.runtime().lagP99Ms >= 0 && process.runtime().lagMeanMs >= 0);
    },
  ],
];

export function processSuite(harness: WorldHarness): void {
  registerCases(harness, 'process', CASES);
}
