// Who changes a file by WebDAV waits until the machine that shows the share has let go of it: no read there that begins after the
// answer shows what was there before. A daemon that serves a folder of the host, and the agent of a machine that shows it.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import type { LeaseView } from '../../src/contract/lease_schemas.ts';
import type { CreatedShareView } from '../../src/contract/share_schemas.ts';
import { Rig, until } from '../interop/rig.ts';
import { skip } from './rig.ts';

const DEADLINE_MS = 60_000;
const SETTLED_MS = LIMITS.cacheSettledMs.value + 100;
const NAMES = ['put', 'moved', 'target', 'deleted'];

it('a client of WebDAV waits for leases of a machine that shows the share', { skip }, async () => {
  await using rig = await Rig.start();
  await rig.waitUp();
  const source = path.join(rig.hostFiles, 'data');
  const place = path.join(rig.guestFiles, 'shown');
  fs.mkdirSync(source);
  for (const name of NAMES) fs.writeFileSync(path.join(source, name), `first ${name}`);
  const flags = ['--mount', `vm:${place}`, '--mount-cache', '64M', '--as-root', '--json'];
  const made = await rig.cli('share', 'create', source, ...flags);
  assert.equal(made.code, 0, made.err);
  const { share, password } = JSON.parse(made.out) as CreatedShareView;
  const authorization = `Basic ${Buffer.from(`${share.user}:${password}`).toString('base64')}`;
  const ask = async (method: string, name: string, more: { body?: string; to?: string } = {}) => {
    const headers = {
      authorization,
      ...(more.to !== undefined && { destination: `${share.url}/${more.to}` }),
    };
    const answer = await fetch(`${share.url}/${name}`, {
      method,
      headers,
      ...(more.body && { body: more.body }),
    });
    assert.ok(answer.ok, `${method}: ${answer.status}`);
    await answer.arrayBuffer();
  };
  const shown = (name: string) => files.readFile(path.join(place, name), 'utf8');
  const leases = async (): Promise<LeaseView> => {
    const { code, out, err } = await rig.cli('cache', 'status', '--json');
    assert.equal(code, 0, err);
    return (JSON.parse(out) as { leases: { leases: LeaseView }[] }).leases[0]!.leases;
  };
  try {
    await until('the files are old enough', DEADLINE_MS, async () =>
      Date.now() - Math.max(...NAMES.map((name) => fs.statSync(path.join(source, name)).ctimeMs)) > SETTLED_MS
        ? true
        : null,
    );
    await until('the machine has leases', DEADLINE_MS, async () => {
      for (const name of NAMES) assert.equal(await shown(name), `first ${name}`);
      return (await leases()).held === NAMES.length ? true : null;
    });
    const before = await leases();
    await ask('PUT', 'put', { body: 'second put' });
    assert.equal(await shown('put'), 'second put');
    await ask('MOVE', 'moved', { to: 'target' });
    assert.equal(await shown('target'), 'first moved');
    await ask('DELETE', 'deleted');
    await assert.rejects(shown('deleted'), /ENOENT/);
    const after = await leases();
    assert.ok(after.broken > before.broken, `${after.broken} leases were let go of`);
    assert.equal(after.fenced, 0);
    const text = await rig.cli('cache', 'status');
    assert.match(text.out, /ASKED BACK/);
  } finally {
    await rig.cli('share', 'rm', share.name); // or the folder of the machine stays mounted
  }
});
