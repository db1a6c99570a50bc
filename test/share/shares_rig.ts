import fs from 'node:fs';
import { request } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { DaemonClient } from '../../src/cli/client.ts';
import type { CreateShareRequest } from '../../src/contract/share_schemas.ts';
import { Daemon } from '../../src/host/daemon.ts';
import type { ShareListen } from '../../src/host/shares.ts';
import { showFolder } from '../../src/host/shown_folder.ts';
import { openNodeDatabase } from '../../src/world/node/database.ts';
import { serveNodeHttp } from '../../src/world/node/http_server.ts';
import { openNodeFolderHints } from '../../src/world/node/inotify.ts';
import { createNodeLocalTime } from '../../src/world/node/local_time.ts';
import { nodeSmbPrograms } from '../../src/world/node/smb_programs.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { webOptions } from '../fixtures/web_options.ts';

const CHEAP = { memoryBytes: 64 * 1024, passes: 1, lanes: 1 };
export const PLAIN: ShareListen = { host: '127.0.0.1', port: 0, isDefault: false };

/** A daemon in this process, with a folder beside its data. */
export class Rig implements AsyncDisposable {
  readonly base = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-shares-'));
  readonly source = path.join(this.base, 'folder');
  readonly client = new DaemonClient(path.join(this.base, 'data'));
  #daemon: Daemon | null = null;

  static async start(listen: ShareListen = PLAIN, hintsMax?: number): Promise<Rig> {
    const rig = new Rig();
    fs.mkdirSync(rig.source);
    fs.mkdirSync(path.join(rig.base, 'data'), { mode: 0o700 });
    await rig.up(listen, hintsMax);
    return rig;
  }

  async up(listen: ShareListen = PLAIN, hintsMax?: number): Promise<void> {
    this.#daemon = await Daemon.start({
      world: createNodeWorld(),
      dataDirectory: path.join(this.base, 'data'),
      buildId: 'test',
      listen: null,
      limitBytesPerSecond: null,
      openDatabase: openNodeDatabase,
      localTime: createNodeLocalTime(),
      web: webOptions({
        passwordCost: CHEAP,
        shares: { serve: serveNodeHttp, listen },
        folderHints: { open: openNodeFolderHints, ...(hintsMax !== undefined && { hintsMax }) },
        smb: { programs: nodeSmbPrograms, listen: PLAIN, show: showFolder },
      }),
    });
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error('the daemon is down');
    return this.#daemon;
  }

  async down(): Promise<void> {
    await this.#daemon?.close();
    this.#daemon = null;
  }

  create(more: Partial<CreateShareRequest> = {}) {
    return this.client.call('createShare', {}, { name: 'docs', source: this.source, ...more });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    fs.rmSync(this.base, { recursive: true, force: true });
  }
}

export interface Sent {
  readonly status: number;
  readonly body: string;
}

export function send(
  url: string,
  method: string,
  user: string,
  password: string,
  body = '',
  headers: Readonly<Record<string, string>> = {},
): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const auth = user === '' ? {} : { auth: `${user}:${password}` };
    const outgoing = request(
      url,
      { method, ...auth, headers: { ...(method === 'PROPFIND' && { depth: '1' }), ...headers } },
      (incoming) => {
        let text = '';
        incoming.setEncoding('utf8').on('data', (piece) => {
          text += piece;
        });
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, body: text }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
