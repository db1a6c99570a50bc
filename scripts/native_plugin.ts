// esbuild plugin: replaces a native package by its binary inside the bundle and the few lines that load it.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, zstdCompressSync } from 'node:zlib';
import type { Plugin } from 'esbuild';

const LOADER = fileURLToPath(new URL('./native_loader.ts', import.meta.url));
const NAMESPACE = 'causeway-native';
const require = createRequire(import.meta.url);

/** Packages whose binaries are packages of their own, named `<name>-<platform>` (napi-rs does so). */
export function embedNative(packageNames: readonly string[]): Plugin {
  return {
    name: 'embed-native',
    setup(build) {
      build.onResolve({ filter: /^[@a-z]/ }, ({ path }) =>
        packageNames.includes(path) ? { path, namespace: NAMESPACE } : undefined,
      );
      build.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({
        contents: moduleText(path),
        loader: 'js',
        resolveDir: dirname(LOADER),
      }));
    },
  };
}

function moduleText(packageName: string): string {
  const builds = findBuilds(packageName);
  if (Object.keys(builds).length === 0) throw new Error(`no native build of ${packageName} is installed`);
  // Export names must be known when the bundle is made: the package itself tells them.
  const names = Object.keys(require(packageName)).filter((name) =>
    /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name),
  );
  return [
    `import { loadNative } from ${JSON.stringify(LOADER)};`,
    `const binding = loadNative(${JSON.stringify(packageName)}, ${JSON.stringify(builds)});`,
    `export const { ${names.join(', ')} } = binding;`,
    'export default binding;',
  ].join('\n');
}

/** Every installed build: usually the one of this platform; more after `npm install --cpu=arm64 --no-save ...`. */
function findBuilds(packageName: string): Record<string, string> {
  const folder = dirname(dirname(join(require.resolve(`${packageName}/package.json`))));
  const prefix = `${packageName.split('/').at(-1)}-`;
  const builds: Record<string, string> = {};
  for (const path of globSync(`${prefix}*/*.node`, { cwd: folder }).sort()) {
    const platform = path.slice(prefix.length, path.search(/[\\/]/));
    const bytes = readFileSync(join(folder, path));
    builds[platform] = zstdCompressSync(bytes, {
      params: { [constants.ZSTD_c_compressionLevel]: 19 },
    }).toString('base64');
  }
  return builds;
}

/** Package folders that went into a bundle, by the paths of its inputs. */
export function packagesOf(inputs: readonly string[], root: string): string[] {
  const folders = new Set<string>();
  for (const input of inputs) {
    const name = /^(?:causeway-native:|.*node_modules\/)((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1];
    if (name && existsSync(join(root, 'node_modules', name))) folders.add(name);
  }
  return [...folders].sort();
}
