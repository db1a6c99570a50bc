import type { Dirent } from 'node:fs';
import { fromUtf8 } from '../../base/bytes.ts';
import { type Name, parseName } from '../../base/path.ts';
import type { DirEntry, EntryKind } from '../disk.ts';

/** Shows bytes that are no valid UTF-8: plain ASCII as it is, everything else as `\xNN`. */
function escaped(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

function kindOf(entry: Dirent<Buffer>): EntryKind {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'symlink' : 'other';
}

/** `name` is null for a name that cannot be sent: not UTF-8, or longer than 255 bytes (some foreign file systems). */
export function toDirEntry(entry: Dirent<Buffer>): DirEntry {
  const kind = kindOf(entry);
  const text = fromUtf8(entry.name);
  if (text === null) return { name: null, rawName: escaped(entry.name), kind };
  let name: Name | null = null;
  try {
    name = parseName(text);
  } catch {
    name = null; // the only failure is CW_DISK_NAME, which a null name reports
  }
  return { name, rawName: text, kind };
}
