import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { DaemonClient } from '../../src/cli/client.ts';
import type { PartView } from '../../src/contract/part_schemas.ts';
import { Daemon } from '../../src/host/daemon.ts';
import { encodeToken } from '../../src/wire/token.ts';
import type { Random } from '../../src/world/clock.ts';
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
const NOTIFICATION_ID_BYTES = 8;

/** Everything of this daemon that listens, so that it can be taken away behind its back. */
interface Sockets {
  shares: HttpListener[];
  consoles: { close(): unknown; closeAllConnections(): void }[];
  agents: Listener[];
}

/** What of the machine fails, as long as it is set. */
interface Faults {
  random: boolean;
  timeZone: boolean;
}

interface Started {
  readonly daemon: Daemon;
  readonly sockets: Sockets;
  readonly faults: Faults;
}

/** The source of randomness of this machine, which may fail. */
function faultyRandom(random: Random, faults: Faults): Random {
  const sound = <T>(draw: () => T): T => {
    if (faults.random) throw new Error('getrandom: Input/output error');
    return draw();
  };
  return {
    bytes: (size) => (size === NOTIFICATION_ID_BYTES ? sound(() => random.bytes(size)) : random.bytes(size)),
    u32: () => sound(() => random.u32()),
    fork: (label) => faultyRandom(random.fork(label), faults),
  };
}

async function startDaemon(folder: string, sharePort: number): Promise<Started> {
  const faults: Faults = { random: false, timeZone: false };
  const localTime = createNodeLocalTime();
  const sockets: Sockets = { shares: [], consoles: [], agents: [] };
  const world = createNodeWorld();
  const platform = createNodeWebPlatform();
  const daemon = await Daemon.start({
    world: {
      ...world,
      random: faultyRandom(world.random, faults),
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
    localTime: {
      offsetMs: (wallMs) => {
        if (faults.timeZone) throw new RangeError('Invalid time zone specified: Europe/Nowhere');
        return localTime.offsetMs(wallMs);
      },
    },
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
  return { daemon, sockets, faults };
}

describe('parts of the daemon', () => {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-parts-'));
  const client = new DaemonClient(join(folder, 'data'));
  let taken: Server;
  let port = 0;
  let daemon: Daemon;
  let sockets: Sockets;
  let faults: Faults;

  before(async () => {
    for (const name of ['data', 'shared']) mkdirSync(join(folder, name), { mode: 0o700 });
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    port = (taken.address() as { port: number }).port;
    ({ daemon, sockets, faults } = await startDaemon(folder, port));
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

  async function health(name: PartView['name']): Promise<string | undefined> {
    const { parts } = await daemon.status();
    return parts.find((part) => part.name === name)?.state;
  }

  it('that starts copies in their turn is started again when planning is possible, and the daemon goes on', async () => {
    await client.call('addVm', {}, { name: 'away', endpoint: { kind: 'listen' } });
    faults.timeZone = true;
    const job = await client.call(
      'startJob',
      {},
      {
        ...{ vm: 'away', direction: 'in', sources: [join(folder, 'shared')], destination: '/nowhere' },
        windows: ['00:00-00:01', '12:00-12:01'],
      },
    );
    const broken = await until('scheduler', ({ state }) => state === 'restarting');
    assert.match(broken.error?.message ?? '', /Invalid time zone/);
    assert.equal((await client.call('showJob', { id: job.id })).waiting, null);
    const families = await client.call('showMetrics', {});
    const up = families.find(({ name }) => name === 'causeway_part_up');
    assert.equal(up?.samples.find(({ labels }) => labels['part'] === 'scheduler')?.value, 0);
    faults.timeZone = false;
    await until('scheduler', ({ state, restarts }) => state === 'running' && restarts >= 1);
    assert.equal((await client.call('showJob', { id: job.id })).waiting?.reason !== undefined, true);
    await client.call('cancelJob', { id: job.id });
  });

  it('that connects to machines goes on with all of them when it is started again', async () => {
    const gone = join(folder, 'nobody.sock');
    await client.call('addVm', {}, { name: 'lost', endpoint: { kind: 'unix', path: gone } });
    faults.random = true;
    const broken = await until('dialer', ({ state, error }) => state === 'restarting' || error !== null);
    assert.match(broken.error?.message ?? '', /getrandom/);
    faults.random = false;
    await until('dialer', ({ state, restarts }) => state === 'running' && restarts >= 1);
    let dialled = false;
    const answering = createServer((socket) => {
      dialled = true;
      socket.destroy();
    });
    await new Promise<void>((resolve) => answering.listen(gone, resolve));
    for (const endMs = Date.now() + DEADLINE_MS; !dialled; await wait(20))
      assert.ok(Date.now() < endMs, 'dialled');
    await new Promise((resolve) => answering.close(resolve));
    await client.call('removeVm', { name: 'lost' });
  });

  it('that notifies tells the same thing once, also where it was started again meanwhile', async () => {
    const told = join(folder, 'told');
    await client.call(
      'addNotifier',
      {},
      { name: 'file', command: ['/bin/sh', '-c', `cat >> ${told}; echo >> ${told}`] },
    );
    const { fingerprint, listen } = await client.call('status', {});
    const [host = '', at = ''] = listen?.split(':') ?? [];
    const token = encodeToken({ addresses: [], fingerprint, secret: new Uint8Array(16) });
    faults.random = true;
    await client.call(
      'addVm',
      {},
      { name: 'wrong', endpoint: { kind: 'tcp', host, port: Number(at) }, token },
    );
    const broken = await until('notifier', ({ error }) => error !== null);
    assert.match(broken.error?.message ?? '', /getrandom/);
    faults.random = false;
    await until('notifier', ({ state, restarts }) => state === 'running' && restarts >= 1);
    const { restarts } = await until('notifier', () => true);
    const lines = () =>
      existsSync(told)
        ? readFileSync(told, 'utf8')
            .split('\n')
            .filter((line) => line.endsWith('}'))
        : [];
    for (const endMs = Date.now() + DEADLINE_MS; lines().length === 0; await wait(20))
      assert.ok(Date.now() < endMs, `it was told ${restarts}`);
    assert.match(lines()[0] ?? '', /link-down/);
    assert.equal(await health('notifier'), 'running');
    assert.equal(lines().length, 1);
  });
});
