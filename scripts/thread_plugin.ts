// esbuild plugin: a bundle is one file, so that the module a thread starts with is inside it, as text.
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const MODULE = /\/(\w+_thread)_module\.ts$/;

/** Replaces each `x_thread_module.ts` by the bundled text of the `x_thread.ts` beside it, which it exports as `X_THREAD`. */
export function embedThreads(plugins: readonly Plugin[]): Plugin {
  return {
    name: 'embed-threads',
    setup(main) {
      main.onLoad({ filter: MODULE }, async ({ path }) => {
        const name = MODULE.exec(path)?.[1] ?? '';
        const text = await bundleText(join(dirname(path), `${name}.ts`), plugins);
        const constant = name.toUpperCase();
        return { contents: `export const ${constant} = { text: ${JSON.stringify(text)} };`, loader: 'js' };
      });
    },
  };
}

/** CommonJS, which is what a thread takes as text. */
async function bundleText(entry: string, plugins: readonly Plugin[]): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    write: false,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node26',
    minifyWhitespace: true,
    minifySyntax: true,
    keepNames: true,
    // text has no place of its own: what is looked up beside it is looked up where the process runs
    define: { 'import.meta.url': '"file:///"' },
    plugins: [...plugins],
    logLevel: 'warning',
  });
  return result.outputFiles[0]!.text;
}
