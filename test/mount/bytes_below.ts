import fs from 'node:fs';
import path from 'node:path';

/** The sizes of all files below a folder, each once whatever its names, but for what is kept there for uploads. */
export function bytesBelow(folder: string): number {
  const sizes = new Map<bigint, number>();
  for (const entry of fs.readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const at = path.join(entry.parentPath, entry.name);
    if (!entry.isFile() || at.includes('/.causeway/')) continue;
    const stat = fs.lstatSync(at, { bigint: true, throwIfNoEntry: false });
    if (stat !== undefined) sizes.set(stat.ino, Number(stat.size));
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
