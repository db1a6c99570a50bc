import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { endianness } from 'node:os';

const ESTABLISHED = '01';
const SOCKET = /^socket:\[(\d+)\]$/;

/**
 * Address of the other end of the one TCP connection that a process of this machine has (a thread counts as its process);
 * null where it has none or several, is gone, or the system does not tell. Linux: proc(5).
 */
export function peerOfProcess(processId: number): string | null {
  try {
    const inodes = new Set<string>();
    for (const name of readdirSync(`/proc/${processId}/fd`)) {
      const inode = SOCKET.exec(linkOf(`/proc/${processId}/fd/${name}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    }
    const peers = ['tcp', 'tcp6'].flatMap((table) =>
      establishedIn(readFileSync(`/proc/${processId}/net/${table}`, 'latin1'), inodes),
    );
    const different = new Set(peers);
    return different.size === 1 ? (peers[0] ?? null) : null;
  } catch {
    return null; // it is gone, or may not be looked at
  }
}

/** Empty where it was closed meanwhile. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** Remote addresses of connections in a table as the kernel prints it, of which one has each of the inodes at most. */
export function establishedIn(table: string, inodes: ReadonlySet<string>): string[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, , remote = '', state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state !== ESTABLISHED || !inodes.has(inode)) return [];
      return [addressOf(remote.slice(0, remote.indexOf(':')))];
    });
}

/** The kernel prints 32-bit words as this machine has them in memory. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  if (endianness() === 'LE') bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  const text = groups.join(':').replace(/(^|:)0(:0)+(:|$)/, '::');
  if (!groups.slice(0, 5).every((group) => group === '0') || groups[5] !== 'ffff') return text;
  return [...bytes.subarray(12)].join('.');
}
