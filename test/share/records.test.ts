import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Rig, send } from './shares_rig.ts';

/** A share, and what the log says of its files. */
async function startShare(rig: Rig) {
  const { share, password } = await rig.create();
  const url = share.url ?? '';
  const at = `host:${rig.source}`;
  return {
    ask: async (method: string, name: string, body = '', headers: Readonly<Record<string, string>> = {}) =>
      (await send(`${url}${name}`, method, 'docs', password ?? '', body, headers)).status,
    url,
    /** The oldest first, places without the folder. */
    lines: async (filter: object = { action: 'file.*' }) => {
      await rig.daemon.access.trail.settled();
      const { records } = await rig.client.call('searchAudit', {}, filter);
      return records.reverse().map(({ action, resource, outcome, details }) => {
        const to = details['to'] === undefined ? '' : ` > ${String(details['to']).replace(at, '')}`;
        return `${action} ${resource.replace(at, '')}${to} ${outcome}`;
      });
    },
    records: async () =>
      (await rig.client.call('searchAudit', {}, { action: 'file.*' })).records.toReversed(),
  };
}

const PROPERTY =
  '<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><x xmlns="urn:x">1</x></D:prop></D:set></D:propertyupdate>';
const LOCK =
  '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';

describe('the audit log tells of files in shares', () => {
  it('each change before it is made and how it ended, by whom and from where', async () => {
    await using rig = await Rig.start();
    const share = await startShare(rig);
    assert.equal(await share.ask('PUT', 'a', 'one'), 201);
    assert.equal(await share.ask('PUT', 'a', 'two'), 204);
    assert.equal(await share.ask('MKCOL', 'd'), 201);
    assert.equal(await share.ask('COPY', 'a', '', { destination: `${share.url}d/b` }), 201);
    assert.equal(await share.ask('MOVE', 'a', '', { destination: `${share.url}c` }), 201);
    assert.equal(await share.ask('PROPPATCH', 'c', PROPERTY), 207);
    assert.equal(await share.ask('LOCK', 'new', LOCK, { depth: '0' }), 201);
    assert.equal(await share.ask('DELETE', 'd', '', { depth: 'infinity' }), 204);
    assert.equal(await share.ask('DELETE', 'd', '', { depth: 'infinity' }), 404);
    assert.deepEqual(await share.lines(), [
      'file.write /a started',
      'file.write /a done',
      'file.write /a started',
      'file.write /a done',
      'file.create /d started',
      'file.create /d done',
      'file.copy /a > /d/b started',
      'file.copy /a > /d/b done',
      'file.rename /a > /c started',
      'file.rename /a > /c done',
      'file.property /c started',
      'file.property /c done',
      'file.create /new started',
      'file.create /new done',
      'file.delete /d started',
      'file.delete /d done',
      'file.delete /d started',
      'file.delete /d failed',
    ]);
    const [first, ended] = await share.records();
    assert.deepEqual(first?.actor, { kind: 'share', name: 'docs', address: '127.0.0.1' });
    assert.equal(first?.details['share'], 'docs');
    assert.deepEqual({ ...ended?.details }, { started: first?.sequence, isNew: true });
    const found = await share.lines({ path: path.join(rig.source, 'd'), outcome: 'done' });
    assert.deepEqual(found, ['file.create /d done', 'file.copy /a > /d/b done', 'file.delete /d done']);
    const copied = await share.lines({ path: path.join(rig.source, 'd'), action: 'file.copy' });
    assert.deepEqual(copied, ['file.copy /a > /d/b started', 'file.copy /a > /d/b done']);
  });

  it('reads of a file once in a while for each client, with the number of those between', async () => {
    await using rig = await Rig.start();
    const share = await startShare(rig);
    fs.writeFileSync(path.join(rig.source, 'f'), 'x');
    const statuses = await Promise.all(Array.from({ length: 20 }, () => share.ask('GET', 'f')));
    assert.deepEqual(new Set(statuses), new Set([200]));
    assert.equal(await share.ask('GET', 'missing'), 404);
    assert.equal(await share.ask('HEAD', 'f'), 200);
    assert.deepEqual(await share.lines(), ['file.read /f done']);
  });

  it('refusals: a wrong password, and a change of a read-only share', async () => {
    await using rig = await Rig.start();
    const share = await startShare(rig);
    assert.equal((await send(`${share.url}f`, 'PUT', 'docs', 'wrong', 'x')).status, 401);
    assert.equal((await send(`${share.url}f`, 'PUT', '', '', 'x')).status, 401);
    await rig.client.call('setShare', { name: 'docs' }, { readOnly: true });
    assert.equal(await share.ask('PUT', 'f', 'x'), 403);
    assert.deepEqual(await share.lines({ outcome: 'refused' }), [
      'share.use share:docs refused',
      'file.write /f refused',
    ]);
  });

  it('and what it cannot tell of is not done', async () => {
    await using rig = await Rig.start();
    const share = await startShare(rig);
    fs.writeFileSync(path.join(rig.source, 'old'), 'old');
    await rig.daemon.access.trail.log.close();
    assert.equal(await share.ask('PUT', 'new', 'x'), 503);
    assert.equal(await share.ask('PUT', 'old', 'x'), 503);
    assert.equal(await share.ask('MKCOL', 'd'), 503);
    assert.equal(await share.ask('LOCK', 'locked', LOCK, { depth: '0' }), 503);
    assert.equal(await share.ask('MOVE', 'old', '', { destination: `${share.url}c` }), 503);
    assert.equal(await share.ask('COPY', 'old', '', { destination: `${share.url}c` }), 503);
    assert.equal(await share.ask('PROPPATCH', 'old', PROPERTY), 503);
    assert.equal(await share.ask('DELETE', 'old', '', { depth: 'infinity' }), 503);
    assert.equal(await share.ask('GET', 'old'), 503);
    assert.deepEqual(fs.readdirSync(rig.source), ['old']);
    assert.equal(fs.readFileSync(path.join(rig.source, 'old'), 'utf8'), 'old');
  });
});
