// Quotas of single users of a share, by WebDAV with tokens, beside the share with its password: 507, RFC 4331, restarts.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Rig, type Sent, send } from './shares_rig.ts';

const ASK =
  '<D:propfind xmlns:D="DAV:"><D:prop><D:quota-available-bytes/><D:quota-used-bytes/></D:prop></D:propfind>';

interface Shared {
  readonly rig: Rig;
  /** Sends as ann, as bob, or as the share. */
  as(
    who: string,
    method: string,
    name: string,
    body?: string,
    headers?: Record<string, string>,
  ): Promise<number>;
  /** The same with what is answered. */
  ask(who: string, method: string, name: string, body?: string): Promise<Sent>;
  /** What that user is told to have used, and to have left. */
  told(who: string): Promise<{ used: number; free: number }>;
  /** What the daemon counts of all, ann and the share. */
  counted(): Promise<(number | null)[]>;
}

async function shared(rig: Rig): Promise<Shared> {
  const secrets: Record<string, string> = {};
  for (const name of ['ann', 'bob']) {
    await rig.client.call('addUser', {}, { name, grants: [{ role: 'operator', scopes: ['*'] }] });
    secrets[name] = (await rig.client.call('createUserToken', { name }, { label: 'dav' })).text;
  }
  const userQuotas = [
    { user: 'ann', limitBytes: 1_000 },
    { user: 'docs', limitBytes: 600 },
  ];
  const created = await rig.create({ users: ['ann', 'bob'], quotaBytes: 3_000, userQuotas });
  secrets['docs'] = created.password ?? '';
  const ask = async (who: string, method: string, name: string, body = '', headers = {}) => {
    const { url } = await rig.client.call('showShare', { name: 'docs' });
    return send(`${url}${name}`, method, who, secrets[who] ?? '', body, headers);
  };
  return {
    rig,
    ask,
    as: async (...words) => (await ask(...words)).status,
    told: async (who) => {
      const { body } = await ask(who, 'PROPFIND', '', ASK, { depth: '0' });
      const [, free, used] = /available-bytes>(\d+)<.*used-bytes>(\d+)</s.exec(body) ?? [];
      return { used: Number(used), free: Number(free) };
    },
    counted: async () => {
      const { usedBytes, userQuotas } = await rig.client.call('showShare', { name: 'docs' });
      return [usedBytes, ...userQuotas.map((one) => one.usedBytes)];
    },
  };
}

const x = (count: number) => 'x'.repeat(count);

describe('quotas of users of a share', () => {
  it('hold for what each has made, whoever changes it, and are told to each', async () => {
    await using rig = await Rig.start();
    const { as, told, counted } = await shared(rig);
    assert.equal(await as('ann', 'PUT', 'a', x(700)), 201);
    assert.equal(await as('ann', 'PUT', 'b', x(301)), 507);
    assert.equal(await as('ann', 'PUT', 'b', x(300)), 201);
    assert.deepEqual(await told('ann'), { used: 1_000, free: 0 });
    assert.equal(await as('docs', 'PUT', 'c', x(601)), 507);
    assert.equal(await as('docs', 'PUT', 'c', x(500)), 201);
    assert.deepEqual(await told('docs'), { used: 500, free: 100 });
    assert.equal(await as('bob', 'PUT', 'd', x(1_400)), 201, 'bob has no limit of his own');
    assert.equal(await as('bob', 'PUT', 'e', x(101)), 507, 'and that of the share');
    assert.deepEqual(await counted(), [2_900, 1_000, 500]);
    assert.equal(await as('bob', 'PUT', 'a', x(701)), 507, 'it stays the file of ann');
    assert.equal(await as('bob', 'PUT', 'a', x(100)), 204);
    assert.deepEqual(await counted(), [2_300, 400, 500]);
    const { url } = await rig.client.call('showShare', { name: 'docs' });
    assert.equal(
      await as('bob', 'COPY', 'a', '', { destination: `${url}copy` }),
      201,
      'a copy is of who makes it',
    );
    assert.equal(await as('bob', 'MOVE', 'b', '', { destination: `${url}moved` }), 201);
    assert.deepEqual(await counted(), [2_400, 400, 500]);
    assert.equal(await as('bob', 'MOVE', 'copy', '', { destination: `${url}moved` }), 204);
    assert.deepEqual(await counted(), [2_100, 100, 500]);
    assert.equal(await as('docs', 'DELETE', 'a'), 204);
    assert.deepEqual(await counted(), [2_000, 0, 500]);
    assert.equal(fs.existsSync(path.join(rig.source, 'e')), false);
  });

  it('hold for files that a client locks first', async () => {
    await using rig = await Rig.start();
    const { as, ask, counted } = await shared(rig);
    const lock =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
    const locked = await ask('ann', 'LOCK', 'a', lock);
    assert.equal(locked.status, 201);
    const [token = ''] = /urn:uuid:[0-9a-f-]+/.exec(locked.body) ?? [];
    assert.equal(await as('ann', 'PUT', 'a', x(1_001), { if: `(<${token}>)` }), 507);
    assert.equal(await as('ann', 'PUT', 'a', x(900), { if: `(<${token}>)` }), 204);
    assert.deepEqual(await counted(), [900, 900, 0]);
  });

  it('are counted anew from the files after a restart, and can be changed', async () => {
    await using rig = await Rig.start();
    const { as, counted } = await shared(rig);
    assert.equal(await as('ann', 'PUT', 'a', x(700)), 201);
    assert.equal(await as('docs', 'PUT', 'c', x(200)), 201);
    await rig.down();
    fs.writeFileSync(path.join(rig.source, 'of the host'), x(50));
    await rig.up();
    assert.deepEqual(await counted(), [950, 700, 250]);
    const quotas = async (...userQuotas: { user: string; limitBytes: number }[]) =>
      (await rig.client.call('setShare', { name: 'docs' }, { userQuotas })).share.userQuotas;
    assert.deepEqual(await quotas({ user: 'ann', limitBytes: 750 }), [
      { user: 'ann', limitBytes: 750, usedBytes: 700 },
    ]);
    assert.equal(await as('ann', 'PUT', 'more', x(51)), 507);
    assert.equal(await as('docs', 'PUT', 'more', x(700)), 201);
    await assert.rejects(quotas({ user: 'eve', limitBytes: 1 }), { code: 'CW_USAGE' });
    assert.deepEqual(await quotas(), []);
    assert.equal(await as('ann', 'PUT', 'most', x(900)), 201);
  });
});
