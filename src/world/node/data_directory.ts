import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where state lives without `--data`: `/var/lib/causeway` for root on Linux, else the platform's usual place for a user. */
export function defaultDataDirectory(agent = false): string {
  const name = agent ? 'causeway-agent' : 'causeway';
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Application Support', name);
  if (process.platform === 'win32') return join(process.env['LOCALAPPDATA'] ?? homedir(), name);
  if (process.getuid?.() === 0) return `/var/lib/${name}`;
  return join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), name);
}

/** Makes the directory with access for this user only, where it is missing. */
export function makeDataDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
}
