import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { DaemonClient } from '../../src/cli/client.ts';
import type { PartView } from '../../src/contract/part_schemas.ts';
import { Daemon } from '../../src/host/daemon.ts';
import type { HttpListener } from '../../src/world/http.ts';
import type { Listener } from '../../src/world/net.ts';
import { openNodeDatabase } from '../../src/world/node/database.ts';
import { serveNodeHttp } from '../../src/world/node/http_server.ts';
import { createNodeLocalTime } from '../../src/world/node/local_time.ts';
import { createNodeWebPlatform } from '../../src/world/node/web_platform.ts';
import { createNodeWorld } from '../../src/world/node/world.ts';
import { webOptions } from '../fixtures/web_options.ts';

const CHEAP = { memoryBytes: 64 * 1024, passes: 1, lanes: 1 };
const DEADLINE_MS = 20_000;

/** Everything of this daemon that listens, so that it can be taken away behind its back. */
interface Sockets {
  shares: HttpListener[];
  consoles: { close(): unknown; closeAllConnections(): void }[];
  agents: Listener[];
}

async function startDaemon(folder: string, sharePort: number): Promise<{ daemon: Daemon; sockets: Sockets }> {
  const sockets: Sockets = { shares: [], consoles: [], agents: [] };
  const world = createNodeWorld();
  const platform = createNodeWebPlatform();
  const daemon = await Daemon.start({
    world: {
      ...world,
      net: {
        ...world.net,
        dial: (...args) => world.net.dial(...args),
        listen: async (...args) => {
          const listener = await world.net.listen(...args);
          sockets.agents.push(listener);
          return listener;
        },
      },
    },
    dataDirectory: join(folder, 'data'),
    buildId: 'test',
    listen: { host: '127.0.0.1', port: 0 },
    limitBytesPerSecond: null,
    openDatabase: openNodeDatabase,
    localTime: createNodeLocalTime(),
    web: webOptions({
      passwordCost: CHEAP,
      listen: { host: '127.0.0.1', port: 0, isDefault: false },
      platform: {
        ...platform,
        createServer: (request) => {
          const server = platform.createServer(request);
          sockets.consoles.push(server);
          return server;
        },
      },
      shares: {
        listen: { host: '127.0.0.1', port: sharePort, isDefault: false },
        serve: async (...args) => {
          const listener = await serveNodeHttp(...args);
          sockets.shares.push(listener);
          return listener;
        },
      },
    }),
  });
  return { daemon, sockets };
}

describe('parts of the daemon', () => {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-parts-'));
  const client = new DaemonClient(join(folder, 'data'));
  let taken: Server;
  let port = 0;
  let daemon: Daemon;
  let sockets: Sockets;

  before(async () => {
    for (const name of ['data', 'shared']) mkdirSync(join(folder, name), { mode: 0o700 });
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    port = (taken.address() as { port: number }).port;
    ({ daemon, sockets } = await startDaemon(folder, port));
  });
  after(async () => {
    await daemon?.close();
    taken?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function until(name: PartView['name'], is: (part: PartView) => boolean): Promise<PartView> {
    for (const endMs = Date.now() + DEADLINE_MS; ; ) {
      const { parts } = await client.call('status', {});
      const part = parts.find((one) => one.name === name);
      if (part !== undefined && is(part)) return part;
      assert.ok(Date.now() < endMs, JSON.stringify(parts));
      await wait(20);
    }
  }

  it('that cannot listen yet is told of, and begins when its port is free', async () => {
    const { share } = await client.call(
      'createShare',
      {},
      { name: 's', source: join(folder, 'shared'), iKnow: true },
    );
    assert.equal(share.error?.code, 'CW_LINK_BUSY');
    const part = await until('shares', ({ state }) => state === 'restarting');
    assert.equal(part.error?.code, 'CW_LINK_BUSY');
    const families = await client.call('showMetrics', {});
    const up = families.find(({ name }) => name === 'causeway_part_up');
    const down = up?.samples.filter(({ value }) => value === 0).map(({ labels }) => labels['part']);
    assert.deepEqual(down, ['shares']);
    await new Promise((resolve) => taken.close(resolve));
    await until('shares', ({ state }) => state === 'running');
    assert.equal((await client.call('showShare', { name: 's' })).state, 'serving');
    assert.equal((await fetch(`http://127.0.0.1:${port}/s/`)).status, 401);
  });

  it('that serves the shares is there again at its port when its socket is gone', async () => {
    const { restarts } = await until('shares', () => true);
    await sockets.shares.at(-1)?.close();
    await until('shares', (part) => part.restarts === restarts + 1 && part.state === 'running');
    assert.equal((await fetch(`http://127.0.0.1:${port}/s/`)).status, 401);
  });

  it('that serves the console is there again at its port, and no other part has noticed', async () => {
    const { web } = await client.call('status', {});
    const server = sockets.consoles.at(-1);
    server?.close();
    server?.closeAllConnections();
    await until('console', ({ restarts, state }) => restarts === 1 && state === 'running');
    const status = await client.call('status', {});
    assert.equal(status.web?.url, web?.url);
    const others = status.parts.filter(({ name }) => name === 'agents' || name === 'metrics');
    assert.deepEqual(
      others.map(({ state, restarts }) => [state, restarts]),
      [
        ['running', 0],
        ['running', 0],
      ],
    );
  });

  it('that agents dial in at listens again at its port when its socket is gone', async () => {
    const { listen } = await client.call('status', {});
    await sockets.agents.at(-1)?.close();
    await until('agents', ({ restarts, state }) => restarts === 1 && state === 'running');
    assert.equal((await client.call('status', {})).listen, listen);
  });
});
