import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createNodeOutbound } from '../../src/world/node/outbound.ts';
import { runCli, until } from '../interop/rig.ts';
import { isSigned, Receiver } from './notify_receiver.ts';
import { DaemonRig } from './rig.ts';

const NEVER = new AbortController().signal;
const open = async (context: TestContext): Promise<Receiver> => {
  const receiver = await Receiver.start();
  context.after(() => receiver[Symbol.asyncDispose]());
  return receiver;
};

function script(rig: DaemonRig, name: string, text: string): string {
  const path = join(rig.folder, name);
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('webhooks', () => {
  it('are signed over time and body, and their secrets are nowhere in the open', async (context) => {
    const receiver = await open(context);
    const rig = await DaemonRig.start(context);
    const added = await rig.socket.call('addNotifier', {}, { name: 'hook', url: receiver.url });
    const secret = added.secret ?? '';
    assert.match(secret, /^[0-9a-f]{64}$/);
    assert.equal(added.notifier.target, new URL(receiver.url).origin);
    const view = await rig.socket.call('testNotifier', { name: 'hook' });
    assert.equal(view.delivered, 1);
    const received = await receiver.event('test');
    assert.ok(isSigned(received, secret));
    assert.ok(!isSigned({ ...received, body: `${received.body} ` }, secret));
    assert.ok(Math.abs(Number(received.headers['causeway-timestamp']) * 1_000 - Date.now()) < 60_000);
    assert.equal(received.path, '/hook/very-secret-path');
    const page = await rig.socket.call('searchAudit', {}, { action: 'notify.change' });
    assert.equal(page.records.length, 4);
    assert.doesNotMatch(JSON.stringify([page, await rig.socket.call('listNotifiers', {})]), /very-secret/);
    assert.doesNotMatch(JSON.stringify(page), new RegExp(secret));
    for (const name of readdirSync(rig.data).filter((file) => file.startsWith('state.db'))) {
      const stored = readFileSync(join(rig.data, name), 'latin1');
      assert.ok(!stored.includes(secret) && !stored.includes('very-secret'), name);
    }
  });

  it('are tried again where that may help, with a new signature, and given up where it cannot', async (context) => {
    const receiver = await open(context);
    const rig = await DaemonRig.start(context);
    const { secret } = await rig.socket.call('addNotifier', {}, { name: 'hook', url: receiver.url });
    const view = async () => (await rig.socket.call('listNotifiers', {}))[0]!;
    receiver.statuses.push(503);
    rig.daemon.notifiers.tell({ event: 'job-failed', text: 'first' });
    await until('it was delivered at the second try', 20_000, async () =>
      (await view()).delivered === 1 ? true : null,
    );
    const [first, second] = receiver.received;
    assert.equal(first?.headers['causeway-delivery'], second?.headers['causeway-delivery']);
    assert.ok(receiver.received.every((one) => isSigned(one, secret ?? '')));
    for (const status of [404, 302]) {
      receiver.statuses.push(status);
      const { failed } = await view();
      rig.daemon.notifiers.tell({ event: 'job-failed', text: String(status) });
      await until(`${status} is final`, 20_000, async () => ((await view()).failed > failed ? true : null));
      assert.match((await view()).error?.message ?? '', new RegExp(String(status)));
    }
    assert.equal(receiver.received.length, 4);
    assert.ok(receiver.received.every(({ path }) => path !== '/elsewhere'));
    const families = await rig.socket.call('showMetrics', {});
    const counted = families.find(({ name }) => name === 'causeway_notifications')?.samples ?? [];
    const of = (result: string) => counted.find(({ labels }) => labels['result'] === result)?.value;
    assert.deepEqual([of('delivered'), of('retried'), of('failed')], [1, 1, 2]);
  });

  it('do not reach metadata services, nor servers that prove nothing', async (context) => {
    const rig = await DaemonRig.start(context);
    const url = 'https://169.254.169.254/latest/meta-data/';
    await rig.socket.call('addNotifier', {}, { name: 'bad', url });
    await assert.rejects(rig.socket.call('testNotifier', { name: 'bad' }), { code: 'CW_NOTIFY_ADDRESS' });
    const own = `${rig.daemon.consoleUrl()}/`;
    await rig.socket.call('addNotifier', {}, { name: 'self-signed', url: own });
    await assert.rejects(rig.socket.call('testNotifier', { name: 'self-signed' }), /DEPTH_ZERO_SELF_SIGNED/);
    const post = createNodeOutbound().post(
      {
        url: 'https://localhost:1/',
        headers: {},
        body: new Uint8Array(0),
        timeoutMs: 5_000,
        permits: (address) => !/^127\.|^::1$/.test(address),
      },
      NEVER,
    );
    await assert.rejects(post, { code: 'CW_NOTIFY_ADDRESS' }, 'the address that a name leads to counts');
  });

  it('are kept over a restart, and removed', async (context) => {
    const receiver = await open(context);
    const rig = await DaemonRig.start();
    await rig.socket.call('addNotifier', {}, { name: 'hook', url: receiver.url, events: ['link-down'] });
    await rig.daemon.close();
    const again = await DaemonRig.start(context, rig.folder);
    const [view] = await again.socket.call('listNotifiers', {});
    assert.deepEqual(view?.events, ['link-down']);
    assert.equal((await again.socket.call('testNotifier', { name: 'hook' })).delivered, 1);
    again.daemon.notifiers.tell({ event: 'job-failed', text: 'not wanted' });
    again.daemon.notifiers.tell({ event: 'link-down', text: 'wanted' });
    await receiver.event('link-down');
    assert.equal(receiver.received.length, 2);
    await again.socket.call('removeNotifier', { name: 'hook' });
    await assert.rejects(again.socket.call('testNotifier', { name: 'hook' }), { code: 'CW_NOTIFY_UNKNOWN' });
  });

  it('wait in a bounded queue', async (context) => {
    const receiver = await open(context);
    const rig = await DaemonRig.start(context);
    await rig.socket.call('addNotifier', {}, { name: 'hook', url: receiver.url });
    receiver.statuses.push(503);
    for (let at = 0; at < 110; at += 1) rig.daemon.notifiers.tell({ event: 'job-failed', text: `${at}` });
    const [view] = await rig.socket.call('listNotifiers', {});
    assert.equal(view?.queued, 100);
    assert.equal(view?.failed, 10);
  });
});

describe('commands', () => {
  it('get the notification as JSON, without a shell in between', async (context) => {
    const rig = await DaemonRig.start(context);
    const out = join(rig.folder, 'out');
    const program = script(rig, 'note', `printf '%s\\n' "$1" > ${out}; cat >> ${out}`);
    const command = [program, '$(touch /tmp/x); `id`'];
    await rig.socket.call('addNotifier', {}, { name: 'cmd', command });
    assert.equal((await rig.socket.call('testNotifier', { name: 'cmd' })).delivered, 1);
    const ann = await rig.ann();
    const [argument, body = ''] = readFileSync(out, 'utf8').split('\n');
    assert.equal(argument, command[1]);
    assert.equal((JSON.parse(body) as { event: string }).event, 'test');
    await assert.rejects(rig.socket.call('addNotifier', {}, { name: 'x', command: ['sh'] }), {
      code: 'CW_USAGE',
    });
    await rig.socket.call('addNotifier', {}, { name: 'gone', command: ['/nonexistent'] });
    await assert.rejects(rig.socket.call('testNotifier', { name: 'gone' }), /ENOENT/);
    const failing = script(rig, 'failing', 'echo broken >&2; exit 3');
    await rig.socket.call('addNotifier', {}, { name: 'failing', command: [failing] });
    await assert.rejects(rig.socket.call('testNotifier', { name: 'failing' }), /exit code 3: broken/);
    assert.equal((await ann.tryCall('testNotifier', { name: 'failing' })).status, 424);
  });

  it('are killed with what they started, at their time limit', async (context) => {
    const rig = await DaemonRig.start(context);
    const pidFile = join(rig.folder, 'pid');
    const program = script(rig, 'slow', `sleep 600 & echo $! > ${pidFile}; wait`);
    const end = await createNodeOutbound().run(
      { argv: [program], stdin: new Uint8Array(0), timeoutMs: 1_500 },
      NEVER,
    );
    assert.equal(end.timedOut, true);
    assert.ok(existsSync(pidFile), 'it ran');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await until('its child is gone', 5_000, () => {
      try {
        return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) ? true : null;
      } catch {
        return true;
      }
    });
  });
});

describe('what goes wrong', () => {
  it('is told: a copy that failed', async (context) => {
    const receiver = await open(context);
    const rig = await DaemonRig.start(context);
    await rig.socket.call('addVm', {}, { name: 'dev', endpoint: { kind: 'listen' } });
    await rig.socket.call('addNotifier', {}, { name: 'hook', url: receiver.url });
    const copy = { direction: 'in' as const, vm: 'dev', sources: [rig.folder], destination: '/x' };
    const { id } = await rig.socket.call('startJob', {}, copy);
    await rig.socket.call('removeVm', { name: 'dev' });
    const { body } = await receiver.event('job-failed');
    const { job, vm, code } = JSON.parse(body) as Record<string, string>;
    assert.deepEqual([job, vm, code], [id, 'dev', 'CW_VM_UNKNOWN']);
  });

  it('is set up on the command line', async (context) => {
    const receiver = await open(context);
    const rig = await DaemonRig.start(context);
    const cli = async (code: number, ...args: string[]) => {
      const ran = await runCli(rig.data, args);
      assert.equal(ran.code, code, ran.err);
      return ran.out;
    };
    const added = await cli(0, 'notify', 'add', 'hook', '--webhook', receiver.url, '--event', 'link-down');
    assert.match(added, /^[0-9a-f]{64}\n$/);
    await cli(0, 'notify', 'add', 'cmd', '--', '/bin/true', '--flag');
    await cli(4, 'notify', 'add', 'cmd', '--', '/bin/true');
    await cli(2, 'notify', 'add', 'x', '--webhook', receiver.url, '--event', 'rain');
    await cli(2, 'notify', 'add', 'x');
    for (const name of ['hook', 'cmd']) assert.match(await cli(0, 'notify', 'test', name), /has taken it/);
    const list = JSON.parse(await cli(0, 'notify', 'ls', '--json')) as { name: string; delivered: number }[];
    assert.deepEqual(
      list.map(({ name, delivered }) => [name, delivered]),
      [
        ['hook', 1],
        ['cmd', 1],
      ],
    );
    await cli(0, 'notify', 'rm', 'hook');
    assert.doesNotMatch(await cli(0, 'notify', 'ls'), /hook/);
    assert.match(
      await cli(0, 'metrics'),
      /\ncauseway_notifications_total\{receiver="cmd",result="delivered"\} 1\n/,
    );
  });

  it('is told: an audit log that was changed', async (context) => {
    const receiver = await open(context);
    const rig = await DaemonRig.start(context);
    await rig.socket.call('addNotifier', {}, { name: 'hook', url: receiver.url });
    assert.equal((await rig.socket.call('verifyAudit', {})).isSound, true);
    const folder = join(rig.data, 'audit');
    const [segment = ''] = readdirSync(folder).filter((name) => /\d/.test(name));
    const path = join(folder, segment);
    const bytes = readFileSync(path);
    const at = bytes.byteLength - 100;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    assert.equal((await rig.socket.call('verifyAudit', {})).isSound, false);
    await receiver.event('audit-broken');
    const { samples } = (await rig.socket.call('showMetrics', {})).find(
      ({ name }) => name === 'causeway_audit_sound',
    )!;
    assert.equal(samples[0]?.value, 0);
    await rig.socket.call('verifyAudit', {});
    const told = receiver.received.filter(({ body }) => body.includes('audit-broken'));
    assert.equal(told.length, 1, 'once');
  });
});
