import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One file of the repository: its path from the root with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', '.git', '.cache', 'out']);
const TEXT_FILE =
  /(?:\.(?:ts|mts|tsx|js|mjs|cjs|json|jsonc|md|sh|txt|yml|yaml|css|html|c|toml|svg)|(?:^|\/)[^./]+)$/;

/** Paths that are, or would be, committed. A source archive without git history is walked instead. */
export function listPaths(root: string = ROOT): string[] {
  const paths = existsSync(join(root, '.git')) ? gitPaths(root) : walk(root, '');
  return paths.filter((path) => existsSync(join(root, path))).sort();
}

function gitPaths(root: string): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const output = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return [...new Set(output.split('\0').filter((path) => path !== ''))];
}

function walk(root: string, folder: string): string[] {
  const paths: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory() && !SKIPPED_FOLDERS.has(entry.name)) paths.push(...walk(root, path));
    if (entry.isFile()) paths.push(path);
  }
  return paths;
}

export function readTexts(paths: readonly string[], root: string = ROOT): SourceFile[] {
  return paths
    .filter((path) => TEXT_FILE.test(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** TypeScript of the program, its tests, benchmarks and scripts. */
export function isTypeScript(path: string): boolean {
  return /^(?:src|test|bench|scripts)\/.*\.tsx?$/.test(path) && !path.endsWith('.d.ts');
}

export function isTestFile(path: string): boolean {
  return path.endsWith('.test.ts');
}

export function readJson<T>(path: string, root: string = ROOT): T {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as T;
}
