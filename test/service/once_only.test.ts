import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { DaemonClient } from '../../src/cli/client.ts';
import type { GrantBody } from '../../src/contract/identity_schemas.ts';
import type { GroupView, JobView, StartJobRequest } from '../../src/contract/schemas.ts';
import { requestOnce } from '../../src/world/node/local_http.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { ROOT, Served } from '../interop/rig.ts';
import { DaemonRig, PASSWORD } from './rig.ts';
import type { WebAnswer, WebClient } from './web_client.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
/** KILLS=50 for the long form. */
const KILLS = Number(process.env['KILLS'] ?? 3);
const COPY: Omit<StartJobRequest, 'destination'> = { vm: 'box', direction: 'in', sources: ['/etc/hostname'] };

const FULL: GrantBody = { role: 'admin', scopes: ['*'] };

const post = (client: WebClient, path: string, key: string, body: object): Promise<WebAnswer> =>
  client.send(`/api/v1/${path}`, { method: 'POST', headers: { 'idempotency-key': key }, body });
const codeOf = ({ json }: WebAnswer) => (json as { code?: string }).code;
const idOf = ({ json }: WebAnswer) => (json as JobView | GroupView).id;
const addBox = (client: DaemonClient) =>
  client.call('addVm', {}, { name: 'box', endpoint: { kind: 'listen' } });

describe('a call with an Idempotency-Key', () => {
  it('is done once: a repeat gets the same answer, another content is refused, and everybody has keys of their own', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    await addBox(rig.socket);
    const copy = { ...COPY, destination: '/a' };
    const first = await post(ann, 'jobs', '"k 1"', copy);
    assert.equal(first.status, 200, first.text);
    await rig.socket.call('cancelJob', { id: idOf(first) });
    const again = await post(ann, 'jobs', '"k 1"', { destination: '/a', ...COPY });
    assert.deepEqual(again.json, first.json);
    const other = await post(ann, 'jobs', '"k 1"', { ...copy, destination: '/b' });
    assert.deepEqual([other.status, codeOf(other)], [422, 'CW_IDEMPOTENCY_REUSED']);
    assert.equal((await post(ann, 'groups', '"k 1"', { ...copy, vms: ['box'] })).status, 400); // no such content
    assert.notEqual(idOf(await post(ann, 'jobs', 'k2', copy)), idOf(first));
    assert.equal((await rig.socket.call('listJobs', {})).jobs.length, 2);

    await rig.addUser('bob', [FULL]);
    const bob = rig.client();
    await bob.logIn('bob', PASSWORD);
    const theirs = await post(bob, 'vms', '"k 1"', { name: 'second', endpoint: { kind: 'listen' } });
    assert.equal(theirs.status, 200, theirs.text);
    for (const bad of ['"', `"${'x'.repeat(256)}"`, 'a b', '"a"b"'])
      if (bad !== '')
        assert.equal((await post(ann, 'vms', bad, { name: 'x', endpoint: { kind: 'listen' } })).status, 400);
  });

  it('that failed may be sent again; one that is under way is not begun twice; withdrawn rights stop a repeat', async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    const copy = { ...COPY, destination: '/a' };
    const unknown = await post(ann, 'jobs', 'k', copy);
    assert.equal(codeOf(unknown), 'CW_VM_UNKNOWN');
    await addBox(rig.socket);
    assert.equal((await post(ann, 'jobs', 'k', copy)).status, 200);
    const both = await Promise.all([1, 2].map(() => post(ann, 'users', 'u', { name: 'bob', grants: [] })));
    const statuses = both.map(({ status }) => status).sort();
    assert.ok([200, 409].includes(statuses[1]!), String(statuses));
    assert.ok(both.every((one) => one.status === 200 || codeOf(one) === 'CW_IDEMPOTENCY_BUSY'));
    const repeat = await post(ann, 'users', 'u', { name: 'bob', grants: [] });
    assert.equal(repeat.status, 200, repeat.text);
    const link = (repeat.json as { link: { url: string } }).link.url.split('/').at(-1)!;
    const state =
      readFileSync(join(rig.data, 'state.db'), 'latin1') +
      readFileSync(join(rig.data, 'state.db-wal'), 'latin1');
    assert.ok(!state.includes(link), 'answers are sealed where they are kept');
    await rig.addUser('carl', [FULL]);
    const carl = rig.client();
    await carl.logIn('carl', PASSWORD);
    assert.equal((await post(carl, 'jobs', 'k', copy)).status, 200);
    await rig.socket.call('setUser', { name: 'carl' }, { grants: [] });
    assert.equal((await post(carl, 'jobs', 'k', copy)).status, 403);
  });

  it('that was cut off after the deed and before its answer: a copy is found, of other changes nothing is claimed', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-once-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const rig = await DaemonRig.start(null, folder);
    const ask = (path: string, key: string, body: object) =>
      requestOnce(
        { socketPath: rig.socket.socketPath, method: 'POST', path, body, idempotencyKey: key },
        { forMs: 0, everyMs: 1 },
      );
    await addBox(rig.socket);
    const job = (await ask('/v1/jobs', 'job', { ...COPY, destination: '/a' })) as JobView;
    const { vm: _, ...many } = COPY;
    const group = (await ask('/v1/groups', 'group', {
      ...many,
      vms: ['box'],
      destination: '/b',
    })) as GroupView;
    await ask('/v1/users', 'user', { name: 'bob', grants: [] });
    await rig.daemon.close();
    const state = new DatabaseSync(join(folder, 'data', 'state.db'));
    assert.equal(state.prepare('UPDATE answers SET answer = NULL').run().changes, 3); // as a kill leaves it there
    state.close();

    const after = await DaemonRig.start(t, folder);
    assert.equal(((await ask('/v1/jobs', 'job', { ...COPY, destination: '/a' })) as JobView).id, job.id);
    const found = (await ask('/v1/groups', 'group', {
      ...many,
      vms: ['box'],
      destination: '/b',
    })) as GroupView;
    assert.equal(found.id, group.id);
    await assert.rejects(ask('/v1/users', 'user', { name: 'bob', grants: [] }), {
      code: 'CW_IDEMPOTENCY_UNSETTLED',
    });
    assert.equal((await after.socket.call('listJobs', {})).jobs.length, 2);
  });
});

it(`the command line starts one copy, whenever the daemon is killed under it (${KILLS} kills, SEED=${SEED})`, async (t) => {
  const dice = Dice.fromSeed(SEED);
  const folder = mkdtempSync(join(tmpdir(), 'causeway-once-'));
  const data = join(folder, 'host');
  mkdirSync(data);
  const start = async (): Promise<Served> => {
    const served = new Served(join(ROOT, 'src/cli/main.ts'), [
      '--data',
      data,
      'up',
      '--no-web',
      '--no-shares',
    ]);
    await served.ready;
    return served;
  };
  let daemon = await start();
  t.after(async () => {
    await daemon.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const client = new DaemonClient(data);
  await addBox(client);
  for (let at = 0; at < KILLS; at += 1) {
    const wish = { ...COPY, destination: `/${at}` };
    const started = client.call('startJob', {}, wish).then(
      ({ id }) => id,
      (failure: { code: string }) => {
        assert.equal(failure.code, 'CW_DAEMON_DOWN'); // killed before it took the request
        return null;
      },
    );
    for (let turn = dice.between(0, 60); turn > 0; turn -= 1)
      await new Promise((resolve) => setImmediate(resolve));
    await daemon.kill('SIGKILL');
    daemon = await start();
    const id = await started;
    const { jobs } = await client.call('listJobs', {});
    const made = jobs.filter(({ destination }) => destination === wish.destination);
    assert.deepEqual(
      made.map((job) => job.id),
      id === null ? [] : [id],
    );
    for (const job of made) await client.call('cancelJob', { id: job.id });
  }
});
