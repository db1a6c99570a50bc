import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the built console is: `dist/console` of the sources, or beside the program's one file. */
export function consoleDirectory(): string {
  const folder = dirname(fileURLToPath(import.meta.url));
  if (basename(folder) === 'dist') return join(folder, 'console');
  return join(dirname(dirname(dirname(folder))), 'dist', 'console');
}
