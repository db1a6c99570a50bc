import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { DavShare } from '../../src/share/webdav/context.ts';
import { serveDav } from '../../src/share/webdav/handler.ts';
import { DavLocks } from '../../src/share/webdav/locks.ts';
import { PathTurns } from '../../src/share/webdav/path_turns.ts';
import type { FileRecords } from '../../src/share/webdav/records.ts';
import type { FileTree } from '../../src/tree/files/file_tree.ts';
import { followingLinks } from '../../src/tree/files/following_links.ts';
import { LocalTree } from '../../src/tree/files/local_tree.ts';
import type { HttpListen } from '../../src/world/http.ts';
import { serveNodeHttp } from '../../src/world/node/http_server.ts';
import { createNodeWorld, type ThreadModule } from '../../src/world/node/world.ts';

/** A folder served by WebDAV to anybody on this machine, below `/dav`. */
export interface DavRig extends AsyncDisposable {
  readonly folder: string;
  readonly url: string;
  readonly share: DavShare;
  /** What the server had to note for its own log. */
  readonly notes: unknown[];
  /** What was recorded of files, one line each. */
  readonly records: string[];
}

export interface DavRigOptions {
  /** What threads for disk work run; without it there are none. */
  readonly threads?: ThreadModule;
  /** Removed with the rig; a fresh one without it. */
  readonly folder?: string;
}

export async function startDav(
  decorate: (tree: FileTree) => FileTree = (tree) => tree,
  tls: HttpListen['tls'] = null,
  { threads, folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-dav-')) }: DavRigOptions = {},
): Promise<DavRig> {
  const world = createNodeWorld(threads === undefined ? {} : { threads });
  const local = await LocalTree.open(world, folder);
  const tree = decorate(local);
  const { clock, random } = world;
  const notes: unknown[] = [];
  const records: string[] = [];
  const share: DavShare = {
    tree,
    links: followingLinks(tree),
    prefix: '/dav',
    locks: new DavLocks(clock, random),
    turns: new PathTurns(),
    clock,
    random,
    records: linesInto(records),
  };
  const listener = await serveNodeHttp({ host: '127.0.0.1', port: 0, tls }, async (request, reply) => {
    const user = request.header('x-test-user') ?? 'somebody';
    await serveDav(share, { request, reply, user }, (failure) => notes.push(failure));
  });
  return {
    folder,
    url: `${tls === null ? 'http' : 'https'}://127.0.0.1:${listener.port}/dav`,
    share,
    notes,
    records,
    [Symbol.asyncDispose]: async () => {
      await listener.close();
      await local.close();
      fs.rmSync(folder, { recursive: true, force: true });
    },
  };
}

function linesInto(lines: string[]): FileRecords {
  const lineOf = (outcome: string, { action, path, to }: { action: string; path: string; to?: string }) =>
    lines.push(`${action} ${path}${to === undefined ? '' : ` > ${to}`} ${outcome}`);
  return {
    begin: async (change) => {
      lineOf('started', change);
      return { done: () => lineOf('done', change), failed: () => lineOf('failed', change) };
    },
    read: async (path) => {
      lineOf('done', { action: 'file.read', path });
    },
    refused: (change) => lineOf('refused', change),
  };
}
