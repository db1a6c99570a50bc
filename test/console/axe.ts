import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { ROOT } from '../interop/rig.ts';

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly help: string;
  readonly nodes: readonly { readonly target: unknown; readonly failureSummary?: string }[];
}

/** Far fewer than any page passes. */
const RULES_MIN = 10;
const SOURCE = readFileSync(join(ROOT, 'node_modules/axe-core/axe.min.js'), 'utf8');

/** What axe-core finds on a page that is serious or worse, a line each. */
export async function seriousFindings(page: Page): Promise<string[]> {
  // Through the debugger: the page's policy lets no script in, and stays in force.
  await page.evaluate(`window.axe || (() => { ${SOURCE} })()`);
  const { violations, passes } = (await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'] }).then(({ violations, passes }) => ({ violations, passes: passes.length }))`,
  )) as { violations: Violation[]; passes: number };
  if (passes < RULES_MIN) return [`only ${passes} rules were passed: the page was not looked at`];
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}: ${JSON.stringify(nodes.slice(0, 3))}`);
}
