// Makes one file of a program and all it imports, and one executable of that file and Node.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { embedNative, packagesOf } from './native_plugin.ts';
import { embedThreads } from './thread_plugin.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const NATIVE_PACKAGES = ['@napi-rs/blake-hash'];

/** Packages in CommonJS call `require`, which a module does not have. */
const BANNER = [
  `import { createRequire as causewayCreateRequire } from 'node:module';`,
  'const require = causewayCreateRequire(import.meta.url);',
].join('\n');

const SHARED = {
  absWorkingDir: ROOT,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node26',
  // Names stay: a stack trace in a report must be readable.
  minifyWhitespace: true,
  minifySyntax: true,
  keepNames: true,
  legalComments: 'eof',
  banner: { js: BANNER },
  plugins: [embedThreads([embedNative(NATIVE_PACKAGES)]), embedNative(NATIVE_PACKAGES)],
  metafile: true,
  logLevel: 'warning',
} as const satisfies BuildOptions;

/** Writes the module `output` from `entry` (a path from the root, or absolute): it needs Node 26 and nothing
 * else. Gives the names of the packages in it. */
export async function bundle(entry: string, output: string): Promise<string[]> {
  const result = await build({ ...SHARED, entryPoints: [entry], outfile: output });
  chmodSync(output, 0o755);
  return packagesOf(Object.keys(result.metafile.inputs), ROOT);
}

/**
 * The same in parts: `NAME.mjs` in `folder`, and beside it modules that are loaded when they are needed. A short command of
 * a large program starts sooner that way.
 */
export async function bundleInParts(entry: string, folder: string, name: string): Promise<string[]> {
  const result = await build({
    ...SHARED,
    entryPoints: [{ in: entry, out: name }],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    splitting: true,
    chunkNames: `${name}-[hash]`,
  });
  chmodSync(join(folder, `${name}.mjs`), 0o755);
  return packagesOf(Object.keys(result.metafile.inputs), ROOT);
}

/** Writes an executable of the running Node with the module `main` inside: it needs no other file. */
export function makeExecutable(main: string, output: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-sea-'));
  try {
    const config = join(folder, 'sea.json');
    mkdirSync(dirname(resolve(output)), { recursive: true });
    const fields = {
      main: resolve(main),
      mainFormat: 'module',
      output: resolve(output),
      disableExperimentalSEAWarning: true,
      // Garbage of a copy would fill memory before it is worth collecting: see bin/causeway.
      execArgv: [
        '--disable-warning=ExperimentalWarning',
        '--max-semi-space-size=4',
        '--heap-growing-percent=50',
      ],
      // NODE_OPTIONS is meant for the user's own Node, which is of another version.
      execArgvExtension: 'none',
    };
    writeFileSync(config, JSON.stringify(fields));
    execFileSync(process.execPath, ['--build-sea', config], { stdio: ['ignore', 'ignore', 'inherit'] });
    chmodSync(output, 0o755);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Licence texts of the packages, and of Node where it is part of the result. */
export function licences(packages: readonly string[], withNode: boolean): string {
  const folders = packages.map((name) => join(ROOT, 'node_modules', name));
  const texts = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = globSync('{LICENSE,LICENCE,license,COPYING}*', { cwd: folder })[0];
    const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `Licence: ${license}`;
    return `${name} ${version}\n\n${text}\n`;
  });
  const nodeLicence = join(dirname(dirname(process.execPath)), 'LICENSE');
  if (withNode && existsSync(nodeLicence)) {
    texts.push(`Node.js ${process.versions.node}\n\n${readFileSync(nodeLicence, 'utf8').trim()}\n`);
  }
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
