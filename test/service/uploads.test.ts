import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { PassThrough, pipeline, Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import type { StartJobRequest } from '../../src/contract/schemas.ts';
import type { Agent } from '../../src/guest/agent.ts';
import { expect as eventually } from '../console/expect.ts';
import { addMachine } from './add_machine.ts';
import { DaemonRig, PASSWORD } from './rig.ts';
import type { WebClient } from './web_client.ts';

const MTIME_MS = 1_600_000_000_000;

/** As a browser: the bytes of one file, with its path and time. */
function put(
  client: WebClient,
  id: string,
  query: Record<string, string | number>,
  body: string | Buffer | Readable,
  headers: Record<string, string> = {},
): Promise<{ status: number; code: string | undefined }> {
  const text = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)]));
  const url = new URL(`/api/v1/uploads/${id}/files?${text}`, client.base);
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method: 'PUT',
      agent: false,
      rejectUnauthorized: false,
      headers: {
        'content-type': 'application/octet-stream',
        ...(client.cookie !== null && { cookie: client.cookie }),
        ...(client.csrf !== null && { 'x-csrf-token': client.csrf }),
        ...headers,
      },
    });
    outgoing.on('error', reject);
    outgoing.on('response', async (response) => {
      let answer = '';
      for await (const piece of response.setEncoding('utf8')) answer += piece;
      const { code } = JSON.parse(answer) as { code?: string };
      resolve({ status: response.statusCode ?? 0, code });
    });
    if (body instanceof Readable) pipeline(body, outgoing, (failure) => failure && reject(failure));
    else outgoing.end(body);
  });
}

describe('uploads', () => {
  let rig: DaemonRig;
  let olga: WebClient;
  let otto: WebClient;
  let agent: Agent;
  let out = '';

  before(async () => {
    rig = await DaemonRig.start();
    out = join(rig.folder, 'out');
    mkdirSync(out);
    await rig.ann();
    for (const name of ['olga', 'otto']) {
      await rig.addUser(name, [{ role: 'operator', scopes: [`vm:dev:${out}`, 'vm:away'] }]);
    }
    [olga, otto] = [rig.client(), rig.client()];
    await olga.logIn('olga', PASSWORD);
    await otto.logIn('otto', PASSWORD);
    agent = await addMachine(rig, 'dev');
    await rig.socket.call('addVm', {}, { name: 'away', endpoint: { kind: 'listen' } });
  });
  after(async () => {
    await agent?.close();
    await rig?.[Symbol.asyncDispose]();
  });

  const staged = (): string[] => readdirSync(join(rig.data, 'uploads'));
  const create = async (client: WebClient, files: number, bytes: number, vm = 'dev') =>
    (await client.call('createUpload', {}, { vms: [vm], destination: `${out}/`, files, bytes })).id;
  const copyOf = (upload: string, sources: string[], vm = 'dev'): StartJobRequest => ({
    direction: 'in',
    vm,
    upload,
    sources,
    destination: `${out}/`,
  });
  const codeOf = async (client: WebClient, name: 'startJob' | 'createUpload', body: object) =>
    ((await client.tryCall(name, {}, body)).json as { code?: string } | null)?.code;
  const clean = () => eventually('nothing is left', async () => (staged().length === 0 ? true : null));

  it('are copied with their folders, times and bytes, and then are gone', async () => {
    const big = Buffer.alloc(3 << 20, 'causeway ');
    const id = await create(olga, 3, big.length + 5);
    const at = { mtimeMs: MTIME_MS };
    assert.equal((await put(olga, id, { path: 'photos/2020/big.bin', ...at }, big)).status, 200);
    assert.equal((await put(olga, id, { path: 'photos/b.txt', ...at }, 'hello')).status, 200);
    assert.equal(await codeOf(olga, 'startJob', copyOf(id, ['photos'])), 'CW_UPLOAD_STATE', 'one is missing');
    assert.equal((await put(olga, id, { path: 'empty.txt', ...at }, '')).status, 200);
    await olga.call('addUploadFolders', { id }, { paths: ['photos/none/at all'] });
    assert.equal(await codeOf(olga, 'startJob', copyOf(id, ['../x'])), 'CW_USAGE');
    assert.equal(await codeOf(olga, 'startJob', copyOf(id, ['elsewhere'])), 'CW_USAGE');
    const job = await olga.call('startJob', {}, copyOf(id, ['photos', 'empty.txt']));
    assert.deepEqual([job.upload, job.sources], [id, ['photos', 'empty.txt']]);
    const view = await eventually('it ends', async () => {
      const now = await olga.call('showJob', { id: job.id });
      return now.endedAtMs === null ? null : now;
    });
    assert.deepEqual([view.state, view.percent], ['done', 100], JSON.stringify(view.error));
    assert.ok(!JSON.stringify(view).includes(rig.data), 'where it lay is told to nobody');
    assert.ok(readFileSync(join(out, 'photos/2020/big.bin')).equals(big));
    assert.equal(readFileSync(join(out, 'photos/b.txt'), 'utf8'), 'hello');
    assert.equal(statSync(join(out, 'empty.txt')).size, 0);
    assert.ok(statSync(join(out, 'photos/none/at all')).isDirectory());
    assert.equal(statSync(join(out, 'photos/b.txt')).mtimeMs, MTIME_MS);
    assert.equal(statSync(join(out, 'photos/b.txt')).mode & 0o777, 0o644);
    await clean();
    assert.equal(
      await codeOf(olga, 'startJob', copyOf(id, ['photos'])),
      'CW_UPLOAD_UNKNOWN',
      'one copy only',
    );
  });

  it('are of who makes them, and for where a copy may go', async () => {
    assert.equal(
      await codeOf(olga, 'createUpload', { vms: ['dev'], destination: '/etc/', files: 1, bytes: 1 }),
      'CW_ACCESS_DENIED',
    );
    const id = await create(olga, 1, 1);
    assert.equal((await put(otto, id, { path: 'a' }, 'x')).code, 'CW_UPLOAD_UNKNOWN');
    assert.equal((await put(rig.client(), id, { path: 'a' }, 'x')).code, 'CW_AUTH_REQUIRED');
    assert.equal((await put(olga, id, { path: 'a' }, 'x', { 'x-csrf-token': 'no' })).code, 'CW_AUTH_FORGED');
    assert.equal(
      (await put(olga, id, { path: 'a' }, 'x', { origin: 'https://evil' })).code,
      'CW_AUTH_FORGED',
    );
    assert.equal((await put(olga, id, { path: 'a' }, 'x')).status, 200);
    assert.equal(await codeOf(otto, 'startJob', copyOf(id, ['a'])), 'CW_UPLOAD_UNKNOWN');
    const elsewhere = { ...copyOf(id, ['a']), destination: '/etc/' };
    assert.equal(await codeOf(olga, 'startJob', elsewhere), 'CW_ACCESS_DENIED');
    assert.equal((await otto.tryCall('removeUpload', { id })).status, 404);
    await olga.call('removeUpload', { id });
    await clean();
  });

  it('take no path that leads out, nothing twice, and no more than was announced', async () => {
    const id = await create(olga, 2, 10);
    const hostile = ['../x', '/etc/x', 'a/../../x', 'a//b', './a', 'a/.', 'a\0b', '..', '.', 'a/', '/'];
    for (const path of [...hostile, 'n'.repeat(256), `${'d/'.repeat(200)}f`])
      assert.equal((await put(olga, id, { path }, 'x')).code, 'CW_DISK_NAME', path.slice(0, 20));
    assert.equal((await put(olga, id, { path: 'p/'.repeat(2_100) }, 'x')).status, 400);
    assert.equal((await put(olga, id, { path: 'a' }, 'x', { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await put(olga, id, { path: 'a' }, 'more than ten bytes')).code, 'CW_UPLOAD_STATE');
    assert.equal((await put(olga, id, { path: 'a' }, 'five!')).status, 200);
    assert.equal((await put(olga, id, { path: 'a' }, 'twice')).code, 'CW_DISK_EXISTS');
    assert.equal((await put(olga, id, { path: 'a/below' }, 'x')).code, 'CW_DISK_NOT_DIRECTORY');
    assert.equal((await put(olga, id, { path: 'b' }, 'five!')).status, 200);
    assert.equal((await put(olga, id, { path: 'c' }, '')).code, 'CW_UPLOAD_STATE');
    assert.deepEqual(readdirSync(join(rig.data, 'uploads', id)).sort(), ['a', 'b']);
    await olga.call('removeUpload', { id });
  });

  it('keep nothing of a file whose sender goes away, and end what arrives when they are removed', async () => {
    const id = await create(olga, 2, 100);
    const begin = async (path: string) => {
      const body = new PassThrough();
      body.write('some of it');
      const ended = put(olga, id, { path }, body).catch(() => null); // a connection that is cut
      const there = () => existsSync(join(rig.data, 'uploads', id, path));
      await eventually(`${path} arrives`, async () => (there() ? true : null));
      return { body, ended, there };
    };
    const half = await begin('half');
    assert.equal(await codeOf(olga, 'startJob', copyOf(id, ['half'])), 'CW_UPLOAD_STATE');
    half.body.destroy(new Error('the browser was closed'));
    await half.ended;
    await eventually('the half is gone', async () => (half.there() ? null : true));
    const stalled = await begin('stalled');
    await olga.call('removeUpload', { id });
    const answer = await stalled.ended;
    assert.ok(answer === null || answer.code === 'CW_UPLOAD_UNKNOWN', 'refused or cut');
    stalled.body.destroy();
    await clean();
  });

  it('stay as long as their copy waits, and go when it is cancelled', async () => {
    const id = await create(olga, 1, 4, 'away');
    await put(olga, id, { path: 'kept' }, 'kept');
    const job = await olga.call('startJob', {}, copyOf(id, ['kept'], 'away'));
    assert.deepEqual(staged(), [id]);
    assert.equal((await put(olga, id, { path: 'late' }, 'x')).code, 'CW_UPLOAD_UNKNOWN');
    await olga.call('cancelJob', { id: job.id });
    await clean();
  });

  it('are refused where they do not fit on the disk', async () => {
    const { bavail, bsize } = statfsSync(rig.data);
    const bytes = Math.min(bavail * bsize, LIMITS.uploadMaxBytes.value);
    const request = { vms: ['dev'], destination: `${out}/`, files: 1, bytes };
    const answers = [await olga.tryCall('createUpload', {}, request)];
    // what is promised to one is not there for another
    answers.push(await olga.tryCall('createUpload', {}, request));
    const { status, json } = answers.at(bytes === bavail * bsize ? 0 : -1)!;
    assert.deepEqual([status, (json as { code: string }).code], [507, 'CW_DISK_FULL']);
    for (const id of staged()) await olga.call('removeUpload', { id });
  });

  it('stand in the audit log', async () => {
    const { records } = await rig.socket.call('searchAudit', {}, { actor: 'olga' });
    const seen = new Set(records.map(({ action, outcome }) => `${action} ${outcome}`));
    for (const what of ['upload.change done', 'upload.change refused', 'job.start done'])
      assert.ok(seen.has(what), what);
    const start = records.find(({ action, outcome }) => action === 'job.start' && outcome === 'started');
    assert.match(String(start?.details['from']), /^upload:u[0-9a-f]{16}$/);
  });
});

describe('uploads of a daemon that has ended', () => {
  it('are kept where a copy names them, else removed', async (t) => {
    const first = await DaemonRig.start();
    await first.socket.call('addVm', {}, { name: 'away', endpoint: { kind: 'listen' } });
    const ann = await first.ann();
    const make = () =>
      ann.call('createUpload', {}, { vms: ['away'], destination: '/x/', files: 1, bytes: 1 });
    const [used, unused] = [(await make()).id, (await make()).id];
    for (const id of [used, unused]) await put(ann, id, { path: 'a' }, 'a');
    const copy = { direction: 'in', vm: 'away', upload: used, sources: ['a'], destination: '/x/' } as const;
    const job = await ann.call('startJob', {}, { ...copy, sources: ['a'] });
    await first.daemon.close();
    writeFileSync(join(first.data, 'uploads', 'not ours'), '');
    assert.deepEqual(readdirSync(join(first.data, 'uploads')).sort(), ['not ours', unused, used].sort());
    const second = await DaemonRig.start(t, first.folder);
    const left = () => readdirSync(join(second.data, 'uploads')).sort();
    await eventually('the unused one is gone', async () => (left().includes(unused) ? null : true));
    assert.deepEqual(left(), ['not ours', used].sort());
    await second.socket.call('cancelJob', { id: job.id });
    await eventually('the used one is gone', async () => (left().includes(used) ? null : true));
  });
});
