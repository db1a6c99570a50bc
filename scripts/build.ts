// npm run build [-- --sea]: dist/causeway.mjs with its parts beside it, so that a short command loads little, and
// dist/causeway-agent.mjs, one file that is sent to machines; both need only Node 26. And dist/console, the web console that
// the daemon serves.
// With --sea also dist/causeway-agent, an executable that needs nothing.
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { BuildFailure } from 'esbuild';
import { bundle, bundleInParts, licences, makeExecutable } from './bundle.ts';
import { buildConsole } from './console.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, 'dist');

function say(path: string): void {
  const sizeMib = statSync(path).size / 1024 ** 2;
  process.stdout.write(`${path.slice(ROOT.length + 1)} ${sizeMib.toFixed(1)} MiB\n`);
}

async function main(withExecutable: boolean): Promise<void> {
  rmSync(DIST, { recursive: true, force: true });
  mkdirSync(DIST);
  const packages = new Set<string>();
  const agent = join(DIST, 'causeway-agent.mjs');
  for (const one of await bundleInParts('src/cli/main.ts', DIST, 'causeway')) packages.add(one);
  for (const one of await bundle('src/guest/main.ts', agent)) packages.add(one);
  for (const one of ['causeway.mjs', 'causeway-agent.mjs']) say(join(DIST, one));
  for (const one of await buildConsole()) packages.add(one);
  say(join(DIST, 'console/index.html'));
  if (withExecutable) {
    const output = join(DIST, process.platform === 'win32' ? 'causeway-agent.exe' : 'causeway-agent');
    makeExecutable(agent, output);
    say(output);
  }
  writeFileSync(join(DIST, 'LICENCES.txt'), licences([...packages].sort(), withExecutable));
}

const { values } = parseArgs({ options: { sea: { type: 'boolean', default: false } } });
try {
  await main(values.sea);
} catch (failure) {
  // esbuild has printed where and why; its own stack says nothing more.
  if (!Array.isArray((failure as Partial<BuildFailure>).errors)) throw failure;
  process.exitCode = 1;
}
