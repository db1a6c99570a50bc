import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { DaemonClient } from '../../src/cli/client.ts';
import type { GrantBody } from '../../src/contract/identity_schemas.ts';
import { Daemon } from '../../src/host/daemon.ts';
import { openNodeDatabase } from '../../src/world/node/database.ts';
import { openNodeFolderHints } from '../../src/world/node/inotify.ts';
import { createNodeLocalTime } from '../../src/world/node/local_time.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { webOptions } from '../fixtures/web_options.ts';
import { WebClient } from './web_client.ts';

export const PASSWORD = 'correct horse battery';
const CHEAP = { memoryBytes: 64 * 1024, passes: 1, lanes: 1 };

/** A whole daemon in this process, with its API on a socket and by HTTPS; only password checks are cheap. */
export class DaemonRig implements AsyncDisposable {
  readonly folder: string;
  readonly daemon: Daemon;
  readonly socket: DaemonClient;

  private constructor(folder: string, daemon: Daemon) {
    this.folder = folder;
    this.daemon = daemon;
    this.socket = new DaemonClient(join(folder, 'data'));
  }

  static async start(context: TestContext | null = null, given?: string): Promise<DaemonRig> {
    const folder = given ?? mkdtempSync(join(tmpdir(), 'causeway-service-'));
    mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 });
    const daemon = await Daemon.start({
      world: createNodeWorld(),
      dataDirectory: join(folder, 'data'),
      buildId: 'test',
      listen: null,
      limitBytesPerSecond: null,
      openDatabase: openNodeDatabase,
      localTime: createNodeLocalTime(),
      web: webOptions({
        listen: { host: '127.0.0.1', port: 0, isDefault: false },
        consoleFolder: join(folder, 'console'),
        passwordCost: CHEAP,
        folderHints: { open: openNodeFolderHints },
      }),
    });
    const rig = new DaemonRig(folder, daemon);
    context?.after(() => rig[Symbol.asyncDispose]());
    return rig;
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  /** A browser or program that has proven nothing. `localAddress` is where it comes from. */
  client(localAddress?: string): WebClient {
    return new WebClient(new URL(this.daemon.consoleUrl() ?? ''), localAddress);
  }

  /** The first administrator, called `ann`, signed in. */
  async ann(): Promise<WebClient> {
    const { web } = await this.socket.call('status', {});
    const link = web?.welcomeUrl?.split('/').at(-1) ?? '';
    const client = this.client();
    await client.call('redeemLink', {}, { link, name: 'ann', password: PASSWORD });
    await client.logIn('ann', PASSWORD);
    return client;
  }

  /** A user with a password, made through the socket; the id. */
  async addUser(name: string, grants: readonly GrantBody[]): Promise<string> {
    const { user } = await this.socket.call('addUser', {}, { name, grants: [...grants] });
    await this.socket.call('setUserPassword', { name }, { password: PASSWORD });
    return user.id;
  }

  /** Puts a file of the console there. */
  putConsole(path: string, content: string): void {
    mkdirSync(join(this.folder, 'console', 'assets'), { recursive: true });
    writeFileSync(join(this.folder, 'console', path), content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
