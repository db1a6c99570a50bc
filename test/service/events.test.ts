import assert from 'node:assert/strict';
import fs from 'node:fs';
import { request } from 'node:https';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { EventHub } from '../../src/service/event_hub.ts';
import { DaemonRig, PASSWORD } from './rig.ts';
import type { WebClient } from './web_client.ts';

interface Told {
  readonly id: number;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A stream of events, as a browser's EventSource reads it. */
class Events {
  readonly told: Told[] = [];
  readonly ended: Promise<void>;
  readonly close: () => void;
  #wake: () => void = () => undefined;

  constructor(client: WebClient, at = '/api/v1/events', headers: Record<string, string> = {}) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    const own = { ...(client.cookie && { cookie: client.cookie }), ...headers };
    const outgoing = request(
      new URL(at, client.base),
      { rejectUnauthorized: false, headers: own },
      (response) => {
        let rest = '';
        response.setEncoding('utf8').on('data', (piece: string) => {
          const blocks = (rest + piece).split('\n\n');
          rest = blocks.pop() ?? '';
          for (const block of blocks) if (!block.startsWith(':')) this.told.push(parse(block));
          this.#wake();
        });
        response.on('close', resolve);
      },
    );
    outgoing.on('error', () => resolve());
    outgoing.end();
    this.close = () => outgoing.destroy();
  }

  async until(what: string, found: (told: Told) => boolean): Promise<Told> {
    const signal = AbortSignal.timeout(10_000);
    for (;;) {
      const hit = this.told.find(found);
      if (hit) return hit;
      const names = () => this.told.map(({ event }) => event).join(' ');
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve;
        signal.addEventListener('abort', () => reject(new Error(`no ${what} in: ${names()}`)), {
          once: true,
        });
      });
    }
  }
}

function parse(block: string): Told {
  const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)));
  return { id: Number(fields['id']), event: fields['event'], data: JSON.parse(fields['data']) };
}

describe('the stream of events', () => {
  it('tells changes of machines, copies, users and audit, and goes on where a reader left off', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    const first = new Events(ann);
    const hello = await first.until('hello', ({ event }) => event === 'hello');
    assert.equal(hello.data['overflow'], false);
    await ann.call('addVm', {}, { name: 'web-1', endpoint: { kind: 'listen' } });
    const vm = await first.until('vm', ({ event, data }) => event === 'vm' && data['name'] === 'web-1');
    await first.until('audit', ({ event }) => event === 'audit');
    first.close();
    const copy = { direction: 'in', vm: 'web-1', sources: ['/srv/x'], destination: '/x' } as const;
    const { id } = await ann.call('startJob', {}, { ...copy, sources: [...copy.sources] });
    await rig.addUser('eve', []);
    for (const [path, headers] of [
      [`/api/v1/events?since=${vm.id}`, {}],
      ['/api/v1/events', { 'last-event-id': String(vm.id) }],
    ] as [string, Record<string, string>][]) {
      const second = new Events(ann, path, headers);
      const job = await second.until('job', ({ event, data }) => event === 'job' && data['id'] === id);
      assert.ok(job.id > vm.id);
      await second.until('users', ({ event }) => event === 'users');
      assert.ok(!second.told.some(({ event, data }) => event === 'vm' && data['name'] === 'web-1'));
      await ann.call('listVms', {});
      second.close();
    }
    const third = new Events(ann);
    await third.until('hello', ({ event }) => event === 'hello');
    await ann.call('removeVm', { name: 'web-1' });
    await third.until('removal', ({ event, data }) => event === 'vm-removed' && data['name'] === 'web-1');
    third.close();
  });

  it('says that events are missing where it has them no more, or never had them', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    for (const since of [0, 1, Number.MAX_SAFE_INTEGER]) {
      const events = new Events(ann, `/api/v1/events?since=${since}`);
      assert.equal((await events.until('hello', ({ event }) => event === 'hello')).data['overflow'], true);
      events.close();
    }
  });

  it('tells nobody what it may not see, and ends with the right', async (t) => {
    const rig = await DaemonRig.start(t);
    await rig.ann();
    await rig.addUser('eve', [{ role: 'viewer', scopes: ['vm:web-*'] }]);
    assert.equal((await rig.client().send('/api/v1/events')).status, 401);
    const eve = rig.client();
    await eve.logIn('eve', PASSWORD);
    const events = new Events(eve);
    await events.until('hello', ({ event }) => event === 'hello');
    for (const name of ['db-1', 'web-1'])
      await rig.socket.call('addVm', {}, { name, endpoint: { kind: 'listen' } });
    const sources = ['/srv/x'];
    await rig.socket.call('startJob', {}, { direction: 'in', vm: 'db-1', sources, destination: '/x' });
    await rig.socket.call('setVm', { name: 'web-1' }, { weight: 3 });
    await events.until('web-1', ({ event, data }) => event === 'vm' && data['weight'] === 3);
    assert.ok(events.told.every(({ event, data }) => event === 'hello' || data['name'] === 'web-1'));
    await rig.socket.call('setUser', { name: 'eve' }, { disabled: true });
    await events.ended;
  });

  it('keeps the newest of each job and machine, within its bound', () => {
    let told: (view: never) => void = () => undefined;
    const nothing = () => () => undefined;
    const jobs = (listener: (view: never) => void) => {
      told = listener;
      return () => undefined;
    };
    const sources = { jobs: jobs as never, machines: nothing, users: nothing, audit: nothing };
    const hub = new EventHub({ wallMs: () => 1 }, { views: () => [] }, sources);
    const since = hub.index;
    for (let round = 0; round < 5; round += 1) for (const id of ['a', 'b']) told({ id, round } as never);
    assert.ok(hub.reaches(since));
    const first = hub.next(since);
    assert.deepEqual(first?.body.data, { id: 'a', round: 4 });
    assert.deepEqual(hub.next(first?.index ?? 0)?.body.data, { id: 'b', round: 4 });
    assert.equal(hub.next(hub.index), null);
    for (let at = 0; at < LIMITS.eventsKept.value; at += 1) told({ id: `j${at}` } as never);
    assert.ok(!hub.reaches(since));
    assert.ok(hub.reaches(hub.index));
  });

  it('of a share tells its changes to who may look at its folder, and ends with the right', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    const shared = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-shared-'));
    t.after(() => fs.rmSync(shared, { recursive: true }));
    await ann.call('createShare', {}, { name: 'docs', source: shared });
    const at = '/api/v1/shares/docs/events';
    const clients: WebClient[] = [];
    for (const [name, scope] of [
      ['bob', `host:${shared}`],
      ['eve', 'host:/elsewhere'],
    ] as const) {
      await rig.addUser(name, [{ role: 'viewer', scopes: [scope] }]);
      const client = rig.client();
      await client.logIn(name, PASSWORD);
      clients.push(client);
    }
    const [bob, eve] = clients as [WebClient, WebClient];
    const read = new Events(bob, at);
    await read.until('state', ({ event }) => event === 'state');
    fs.writeFileSync(path.join(shared, 'f'), 'x');
    await read.until('create', ({ event, data }) => event === 'create' && data['path'] === 'f');
    for (const refused of [at, '/api/v1/shares/none/events'])
      assert.equal((await eve.send(refused)).status, 403);
    await ann.call('setUser', { name: 'bob' }, { grants: [] });
    fs.writeFileSync(path.join(shared, 'g'), 'x');
    await read.ended;
    assert.ok(!read.told.some(({ data }) => data['path'] === 'g'));
  });
});
