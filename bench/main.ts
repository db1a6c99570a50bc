/** Entry point of `npm run bench -- <what>`. */
import { API_BENCH, benchApi } from './api.ts';
import { benchCopy, listing } from './copy.ts';
import { parseCopyOptions, USAGE, UsageError } from './options.ts';

async function main(args: readonly string[]): Promise<number> {
  const [what, ...rest] = args;
  if (what === '--help' || what === '-h' || rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (what === 'api') return benchApi(API_BENCH);
  if (what !== 'copy') throw new UsageError(`unknown benchmark ${what ?? '(none)'}; there are copy and api`);
  const options = parseCopyOptions(rest);
  if (options.list) {
    process.stdout.write(`${listing()}\n`);
    return 0;
  }
  return benchCopy(options);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message}\n${USAGE}\n`);
  process.exitCode = 2;
}
