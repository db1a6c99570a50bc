import assert from 'node:assert/strict';
import fs from 'node:fs';
import { request } from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { describe, it } from 'node:test';
import { readOnly } from '../../src/tree/files/decorators.ts';
import { measureTree, QuotaLedger } from '../../src/tree/files/quota_ledger.ts';
import { QuotaTree } from '../../src/tree/files/quota_tree.ts';
import { type DavRig, startDav } from './dav_rig.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
}

/** Sends the path as it is written: fetch would tidy it. */
function send(
  rig: DavRig,
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): Promise<Answer> {
  const { hostname, port, pathname } = new URL(rig.url);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { hostname, port, method, path: `${pathname}${target}`, headers },
      (incoming) => {
        let text = '';
        incoming.setEncoding('utf8').on('data', (piece) => {
          text += piece;
        });
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers as Record<string, string>,
            body: text,
          }),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

const hrefs = (body: string) =>
  [...body.matchAll(/<D:response><D:href>([^<]*)</g)].map(([, href]) => href).sort();

describe('webdav', () => {
  it('sends ranges, and nothing that the client has already', async () => {
    await using rig = await startDav();
    fs.writeFileSync(path.join(rig.folder, 'f'), '0123456789');
    const whole = await send(rig, 'GET', '/f');
    const etag = whole.headers['etag'] ?? '';
    assert.deepEqual([whole.status, whole.body], [200, '0123456789']);
    assert.match(etag, /^"[0-9a-f]{32}"$/);
    for (const [range, body, shown] of [
      ['bytes=2-4', '234', 'bytes 2-4/10'],
      ['bytes=7-', '789', 'bytes 7-9/10'],
      ['bytes=-2', '89', 'bytes 8-9/10'],
      ['bytes=8-99', '89', 'bytes 8-9/10'],
    ] as const) {
      const part = await send(rig, 'GET', '/f', { range });
      assert.deepEqual([part.status, part.body, part.headers['content-range']], [206, body, shown]);
    }
    assert.equal((await send(rig, 'GET', '/f', { range: 'bytes=10-' })).status, 416);
    assert.equal((await send(rig, 'GET', '/f', { range: 'bytes=1-2', 'if-range': '"other"' })).status, 200);
    assert.equal((await send(rig, 'GET', '/f', { range: 'bytes=1-2', 'if-range': etag })).status, 206);
    assert.equal((await send(rig, 'GET', '/f', { 'if-none-match': etag })).status, 304);
    assert.equal((await send(rig, 'GET', '/f', { 'if-none-match': `"a", W/${etag}` })).status, 304);
    const since = whole.headers['last-modified'] ?? '';
    assert.equal((await send(rig, 'GET', '/f', { 'if-modified-since': since })).status, 304);
    const head = await send(rig, 'HEAD', '/f');
    assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '10', '']);
  });

  it('puts only over the version that the client names', async () => {
    await using rig = await startDav();
    const first = await send(rig, 'PUT', '/f', { 'if-none-match': '*' }, 'one');
    assert.equal(first.status, 201);
    assert.equal((await send(rig, 'PUT', '/f', { 'if-none-match': '*' }, 'x')).status, 412);
    const etag = first.headers['etag'] ?? '';
    assert.equal((await send(rig, 'PUT', '/f', { 'if-match': etag }, 'two')).status, 204);
    assert.equal((await send(rig, 'PUT', '/f', { 'if-match': etag }, 'three')).status, 412);
    assert.equal((await send(rig, 'PUT', '/f', { 'content-range': 'bytes 0-0/3' }, 'x')).status, 400);
    assert.equal((await send(rig, 'GET', '/f')).body, 'two');
    const racers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => send(rig, 'PUT', '/new', { 'if-none-match': '*' }, `racer ${i}`)),
    );
    assert.deepEqual(racers.map(({ status }) => status).sort(), [201, ...Array(7).fill(412)]);
  });

  it('leaves the old content and no other file when an upload is cut', async () => {
    await using rig = await startDav();
    await send(rig, 'PUT', '/f', {}, 'old');
    const { hostname, port } = new URL(rig.url);
    const socket = net.connect(Number(port), hostname);
    socket.write('PUT /dav/f HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
    socket.write('n'.repeat(300_000));
    const staged = () => fs.readdirSync(path.join(rig.folder, '.causeway'), { withFileTypes: true });
    await until(() => fs.existsSync(path.join(rig.folder, '.causeway')) && staged().length === 1);
    assert.equal((await send(rig, 'GET', '/f')).body, 'old');
    assert.deepEqual(hrefs((await send(rig, 'PROPFIND', '/', { depth: '1' })).body), ['/dav/', '/dav/f']);
    socket.destroy();
    await until(() => staged().length === 0);
    assert.equal((await send(rig, 'GET', '/f')).body, 'old');
  });

  it('leads nobody out of the folder, by a URL, a link or a destination', async () => {
    await using rig = await startDav();
    const outside = `${rig.folder}-outside`;
    fs.mkdirSync(outside);
    try {
      fs.writeFileSync(path.join(outside, 'secret'), 'SECRET');
      fs.mkdirSync(path.join(rig.folder, 'd'));
      fs.writeFileSync(path.join(rig.folder, 'd/inner'), 'inner');
      fs.symlinkSync(outside, path.join(rig.folder, 'out'));
      fs.symlinkSync('../..', path.join(rig.folder, 'd/up'));
      fs.symlinkSync('d', path.join(rig.folder, 'in'));
      const name = path.basename(outside);
      const targets = [
        '/../',
        `/../${name}/secret`,
        `/%2e%2e/${name}/secret`,
        '/out/secret',
        `/d/up/${name}/secret`,
        '/.causeway/',
        '/.Causeway/x',
        `/..%2f${name}/secret`,
        '//../x',
      ];
      for (const target of targets)
        for (const method of ['GET', 'PUT', 'PROPFIND', 'DELETE', 'MKCOL', 'LOCK', 'PROPPATCH']) {
          const { status, body } = await send(
            rig,
            method,
            target,
            { depth: '1' },
            method === 'PUT' ? 'x' : '',
          );
          assert.ok(status >= 400 && status < 500, `${method} ${target}: ${status}`);
          assert.doesNotMatch(body, /SECRET|\/tmp|cw-dav/);
        }
      for (const to of [
        '/dav/out/x',
        `/dav/../${name}/x`,
        '/dav/d/up/x',
        '/dav/.causeway/x',
        '/x',
        'http://other/dav/x',
      ])
        for (const method of ['COPY', 'MOVE']) {
          const { status } = await send(rig, method, '/d/inner', { destination: to });
          assert.ok(status >= 400 && status < 600 && status !== 500, `${method} ${to}: ${status}`);
        }
      const listed = hrefs((await send(rig, 'PROPFIND', '/', { depth: '1' })).body);
      assert.deepEqual(listed, ['/dav/', '/dav/d/', '/dav/in/']);
      assert.equal((await send(rig, 'GET', '/in/inner')).body, 'inner');
      assert.equal((await send(rig, 'DELETE', '/in')).status, 204);
      assert.equal((await send(rig, 'DELETE', '/out')).status, 204);
      assert.equal((await send(rig, 'DELETE', '/d')).status, 204);
      assert.deepEqual(fs.readdirSync(outside), ['secret']);
      assert.deepEqual(fs.readdirSync(rig.folder), []);
    } finally {
      fs.rmSync(outside, { recursive: true, force: true });
    }
  });

  it('lets only who made a lock use it, also by another path to the same file', async () => {
    await using rig = await startDav();
    await send(rig, 'MKCOL', '/d');
    await send(rig, 'PUT', '/d/f', {}, 'x');
    fs.symlinkSync('d', path.join(rig.folder, 'alias'));
    const info =
      '<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>';
    const mine = { 'x-test-user': 'ann' };
    const held = await send(rig, 'LOCK', '/d/f', mine, info);
    const token = held.headers['lock-token'] ?? '';
    assert.equal(held.status, 200);
    const named = { if: `(${token})` };
    for (const target of ['/d/f', '/alias/f']) {
      assert.equal((await send(rig, 'PUT', target, {}, 'y')).status, 423);
      assert.equal((await send(rig, 'PUT', target, { ...named, 'x-test-user': 'bob' }, 'y')).status, 423);
      assert.equal((await send(rig, 'PUT', target, { ...mine, ...named }, 'z')).status, 204);
    }
    assert.equal((await send(rig, 'DELETE', '/d')).status, 423);
    assert.equal((await send(rig, 'UNLOCK', '/d/f', { 'lock-token': token })).status, 403);
    assert.equal((await send(rig, 'UNLOCK', '/alias/f', { ...mine, 'lock-token': token })).status, 204);
    assert.equal((await send(rig, 'PUT', '/d/f', {}, 'y')).status, 204);
  });

  it('refuses every change of a read-only share', async () => {
    await using rig = await startDav(readOnly);
    fs.writeFileSync(path.join(rig.folder, 'f'), 'x');
    const info =
      '<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype></lockinfo>';
    for (const [method, body] of [
      ['PUT', 'y'],
      ['DELETE', ''],
      ['MOVE', ''],
      ['COPY', ''],
      ['LOCK', info],
    ] as const)
      assert.equal((await send(rig, method, '/f', { destination: '/dav/g' }, body)).status, 403, method);
    assert.equal((await send(rig, 'MKCOL', '/d')).status, 403);
    assert.equal((await send(rig, 'GET', '/f')).body, 'x');
    assert.deepEqual(fs.readdirSync(rig.folder), ['f']);
  });

  it('tells of the quota, and ends an upload that does not fit without a trace', async () => {
    const ledger = new QuotaLedger(1_000, 0);
    await using rig = await startDav((tree) => new QuotaTree(tree, ledger));
    assert.equal((await send(rig, 'PUT', '/f', {}, 'x'.repeat(900))).status, 201);
    const refused = await send(rig, 'PUT', '/g', {}, 'x'.repeat(101));
    assert.equal(refused.status, 507);
    assert.match(refused.body, /quota-not-exceeded/);
    assert.equal((await send(rig, 'COPY', '/f', { destination: '/dav/h' })).status, 507);
    assert.deepEqual(hrefs((await send(rig, 'PROPFIND', '/', { depth: '1' })).body), ['/dav/', '/dav/f']);
    const ask = '<propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/></prop></propfind>';
    const told = (await send(rig, 'PROPFIND', '/', { depth: '0' }, ask)).body;
    assert.match(told, /<D:quota-available-bytes>100<.*<D:quota-used-bytes>900</);
    assert.equal(ledger.usedBytes, await measureTree(rig.share.tree));
    assert.equal((await send(rig, 'PUT', '/f', {}, 'x'.repeat(1_000))).status, 204);
    assert.equal((await send(rig, 'DELETE', '/f')).status, 204);
    assert.equal(ledger.usedBytes, 0);
  });

  it('keeps the time that Windows and rclone set', async () => {
    await using rig = await startDav();
    await send(rig, 'PUT', '/f', { 'x-oc-mtime': '1600000000.5' }, 'x');
    assert.equal(fs.statSync(path.join(rig.folder, 'f')).mtimeMs, 1_600_000_000_500);
    const patch =
      '<D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop><Z:Win32LastModifiedTime>Sun, 06 Nov 1994 08:49:37 GMT</Z:Win32LastModifiedTime></D:prop></D:set></D:propertyupdate>';
    assert.equal((await send(rig, 'PROPPATCH', '/f', {}, patch)).status, 207);
    const { headers } = await send(rig, 'HEAD', '/f');
    assert.equal(headers['last-modified'], 'Sun, 06 Nov 1994 08:49:37 GMT');
  });

  it('refuses what would cost it much: depth infinity, large and hostile XML', async () => {
    await using rig = await startDav();
    assert.equal((await send(rig, 'PROPFIND', '/', {})).status, 403);
    assert.equal(
      (await send(rig, 'PROPFIND', '/', { depth: '0' }, `<a>${'x'.repeat(2 ** 20)}</a>`)).status,
      413,
    );
    assert.equal((await send(rig, 'PROPFIND', '/', { depth: '0' }, '<!DOCTYPE a><a/>')).status, 400);
    assert.equal((await send(rig, 'TRACE', '/')).status, 405);
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, 'it did not come about in 20 s');
    await new Promise((resolve) => setImmediate(resolve));
  }
}
