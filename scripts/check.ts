// npm run check: style, types and repository rules, without the tests of the program.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runStaticChecks } from './static_checks.ts';
import { findTests, planJobs, select } from './test_jobs.ts';
import { runJob } from './test_process.ts';
import { count, describeEnd, describeFailure, describeJob } from './test_report.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const results = await runStaticChecks(ROOT);
for (const result of results) {
  process.stdout.write(`${result.outcome === 'passed' ? 'ok  ' : 'FAIL'} ${result.file}\n`);
  if (result.outcome === 'failed') process.stdout.write(`${describeFailure(result)}\n`);
}
for (const job of planJobs(select(findTests(ROOT), ['^test/tidy/'])).parallel) {
  const result = await runJob(job, ROOT);
  process.stdout.write(`${describeJob(result, result.tests)}\n`);
  results.push(...result.tests);
}
process.stdout.write(`${describeEnd(results)}\n`);
process.exitCode = count(results).failed > 0 ? 1 : 0;
