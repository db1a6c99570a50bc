import fs from 'node:fs';
import path from 'node:path';
import type { Outcome } from './calls.ts';

/** One check: a fresh folder, and what is done in it. */
export interface Check {
  readonly name: string;
  /** What POSIX and Linux say must come out; null where it is whatever the file system below does. */
  readonly expected: Outcome | null;
  readonly run: (folder: string) => Outcome;
}

/** Who does something. Only a process of root can be several. */
export interface Actor {
  readonly name: string;
  readonly userId: number;
  readonly groupId: number;
}

export const ROOT: Actor = { name: 'root', userId: 0, groupId: 0 };
export const OWNER: Actor = { name: 'owner', userId: 1_001, groupId: 1_001 };
export const MEMBER: Actor = { name: 'group member', userId: 1_002, groupId: 1_001 };
export const STRANGER: Actor = { name: 'stranger', userId: 1_003, groupId: 1_003 };

/** Does something as somebody else, and is itself again. */
export function as<T>({ userId, groupId }: Actor, call: () => T): T {
  if (userId === 0) return call();
  process.setegid?.(groupId);
  process.seteuid?.(userId);
  try {
    return call();
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
}

export const KINDS = [
  'file',
  'folder',
  'full folder',
  'link',
  'folder link',
  'dangling link',
  'pipe',
  'missing',
] as const;
export type Kind = (typeof KINDS)[number];

/** Puts something of a kind there; what links lead to lies beside it. */
export function put(at: string, kind: Kind, makePipe: (at: string) => unknown): void {
  if (kind === 'file') fs.writeFileSync(at, `content of ${path.basename(at)}`);
  else if (kind === 'folder') fs.mkdirSync(at);
  else if (kind === 'full folder') {
    fs.mkdirSync(at);
    fs.writeFileSync(path.join(at, 'inside'), '');
  } else if (kind === 'link') {
    fs.writeFileSync(`${at}.target`, 'target');
    fs.symlinkSync(`${path.basename(at)}.target`, at);
  } else if (kind === 'folder link') {
    fs.mkdirSync(`${at}.target`);
    fs.symlinkSync(`${path.basename(at)}.target`, at);
  } else if (kind === 'dangling link') fs.symlinkSync('nowhere', at);
  else if (kind === 'pipe') makePipe(at);
}

/** What is there, in a word. */
export function kindAt(at: string): string {
  try {
    const stat = fs.lstatSync(at);
    if (stat.isSymbolicLink()) return `link to ${fs.readlinkSync(at)}`;
    if (stat.isDirectory()) return `folder of ${fs.readdirSync(at).length}`;
    if (stat.isFile()) return `file ${stat.size} x${stat.nlink}`;
    return stat.isFIFO() ? 'pipe' : 'other';
  } catch {
    return 'nothing'; // that is what the check looks for
  }
}

export const modeOf = (at: string): string => (fs.lstatSync(at).mode & 0o7777).toString(8);
