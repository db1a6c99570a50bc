import { clockSuite } from './clock.suite.ts';
import { diskSuite } from './disk.suite.ts';
import { diskCapsSuite } from './disk_caps.suite.ts';
import { diskEntriesSuite } from './disk_entries.suite.ts';
import type { WorldHarness } from './harness.ts';
import { netSuite } from './net.suite.ts';
import { processSuite } from './process.suite.ts';
import { randomSuite } from './random.suite.ts';
import { secureSuite } from './secure.suite.ts';

/** Registers the suites of all interfaces of the world for one implementation. */
export function worldSuites(harness: WorldHarness): void {
  clockSuite(harness);
  randomSuite(harness);
  processSuite(harness);
  diskSuite(harness);
  diskEntriesSuite(harness);
  diskCapsSuite(harness);
  netSuite(harness);
  secureSuite(harness);
}
