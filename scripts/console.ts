// Builds the web console into dist/console; with --if-needed only where it is not the one of these sources.
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packagesOf } from './native_plugin.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const CONSOLE_OUTPUT = join(ROOT, 'dist/console');
/** Everything that the result depends on, from the root. */
const SOURCES = [
  'src/console/**/*.{ts,tsx,css,svg,html,json}',
  'src/{base,contract}/*.ts',
  'package-lock.json',
  'scripts/console.ts',
];
/** Kept beside the result, not in it: it is not served. */
const STAMP = join(ROOT, 'dist/console.sources');

/** A hash of the sources. Contents are compared and not times, since a checkout gives the files any order of times. */
function sourcesHash(): string {
  const hash = createHash('sha256');
  for (const path of globSync(SOURCES, { cwd: ROOT }).sort()) {
    if (path.endsWith('.test.ts')) continue;
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(ROOT, path)))
      .update('\0');
  }
  return hash.digest('hex');
}

function isFresh(hash: string): boolean {
  return (
    existsSync(join(CONSOLE_OUTPUT, 'index.html')) &&
    existsSync(STAMP) &&
    readFileSync(STAMP, 'utf8') === hash
  );
}

/** Writes the console's files into `output`: they need no other file and no other server. Gives the names of the
 * packages in them. */
export async function buildConsole(output: string = CONSOLE_OUTPUT): Promise<string[]> {
  const hash = sourcesHash();
  const { build } = await import('vite');
  const built = await build({
    configFile: false,
    root: join(ROOT, 'src/console'),
    // Relative addresses: the console works below any path.
    base: './',
    logLevel: 'warn',
    build: {
      outDir: output,
      emptyOutDir: true,
      target: 'es2023',
      // What is small stays a file: a `data:` address would need an exception in the content security policy.
      assetsInlineLimit: 0,
      modulePreload: false,
      reportCompressedSize: false,
    },
  });
  if (output === CONSOLE_OUTPUT) writeFileSync(STAMP, hash);
  const files = 'output' in built ? built.output : [];
  const modules = files.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  return packagesOf(modules, ROOT);
}

/** The console in dist/console is the one of these sources afterwards. */
export async function ensureConsole(): Promise<void> {
  if (!isFresh(sourcesHash())) await buildConsole();
}

if (import.meta.main) await (process.argv.includes('--if-needed') ? ensureConsole() : buildConsole());
