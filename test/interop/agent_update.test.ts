import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle, makeExecutable } from '../../scripts/bundle.ts';
import { DaemonClient } from '../../src/cli/client.ts';
import type { AgentUpdateView, UpdateVmRequest } from '../../src/contract/machine_schemas.ts';
import type { VmView } from '../../src/contract/schemas.ts';
import { ROOT, runCli, Served, until } from './rig.ts';

/** What ends a build at once that is asked to serve; a build has to say its version to be taken at all. */
const DIES = `if (!process.argv.includes('--version')) process.exit(9);`;
const HANGS = `if (!process.argv.includes('--version')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);`;
/** ALL_AGENTS=1: also an agent that is one executable, whose making takes 15 s, and a version that is taken back. */
const IS_LONG = process.env['ALL_AGENTS'] === '1';
const SHORT_TRIAL = ['--trial-seconds', '5'];

describe('vm update over the link', { timeout: 300_000 }, () => {
  let folder = '';
  let data = '';
  let daemon: Served;
  let client: DaemonClient;
  let text = '';
  const agents: Served[] = [];
  const installed = () => join(folder, 'installed.mjs');

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-update-'));
    data = join(folder, 'daemon');
    await bundle('src/guest/main.ts', installed());
    text = readFileSync(installed(), 'utf8');
    daemon = new Served(join(ROOT, 'src/cli/main.ts'), [
      ...['--data', data, 'up', '--no-web', '--listen', '127.0.0.1:0'],
    ]);
    await daemon.ready;
    client = new DaemonClient(data);
  });
  after(async () => {
    for (const agent of agents) await agent.kill();
    await daemon?.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });

  const cli = (...args: string[]) => runCli(data, args);

  let builds = 0;
  /** Another build: the same program, with that in front. */
  function build(first = '', change: (whole: string) => string = (whole) => whole): string {
    builds += 1;
    const path = join(folder, `build-${builds}.mjs`);
    const cut = text.indexOf('\n') + 1;
    writeFileSync(path, `${text.slice(0, cut)}/* build ${builds} */ ${first}\n${change(text.slice(cut))}`);
    return path;
  }

  function serve(script: string, name: string, ...args: string[]): Served {
    mkdirSync(join(folder, name), { recursive: true });
    const agent = new Served(script, ['run', '--data', join(folder, name), ...args]);
    agents.push(agent);
    return agent;
  }

  async function isUp(name: string, test: (vm: VmView) => boolean = () => true): Promise<VmView> {
    return until(`${name} is up`, 30_000, async () => {
      const vm = await client.call('showVm', { name });
      return vm.state === 'up' && test(vm) ? vm : null;
    });
  }

  /** Installed from a built agent, listening on TCP, paired. */
  async function machine(name: string, ...more: string[]): Promise<Served> {
    const agent = serve(installed(), name, '--listen', '127.0.0.1:0', ...more);
    const { address = '', token = '' } = await agent.ready;
    const port = Number(address.split(':')[1]);
    await client.call('addVm', {}, { name, endpoint: { kind: 'tcp', host: '127.0.0.1', port }, token });
    await isUp(name);
    return agent;
  }

  /** By the API, which is quicker than a process for each. */
  function update(
    name: string,
    modulePath: string,
    more: Partial<UpdateVmRequest> = {},
  ): Promise<AgentUpdateView> {
    return client.call('updateVm', { name }, { modulePath, ...more });
  }

  async function refused(code: string, name: string, modulePath?: string): Promise<string> {
    const request = modulePath === undefined ? {} : { modulePath };
    const { message } = await client.call('updateVm', { name }, request).then(
      () => assert.fail('it was updated'),
      (failure: { code: string; message: string }) => {
        assert.equal(failure.code, code, failure.message);
        return failure;
      },
    );
    return message;
  }

  it('says what it would do, does it, in the same process, and stays with it', async () => {
    const agent = await machine('web');
    const module = build();
    const would = await update('web', module, { dryRun: true });
    assert.deepEqual([would.state, would.from], ['would be updated', '0.1.0']);
    assert.ok(would.sentBytes > 500_000);

    const said = await cli('vm', 'update', 'web', '--agent-module', module, '--json');
    assert.equal(said.code, 0, `${said.out}${said.err}`);
    const done = JSON.parse(said.out) as AgentUpdateView;
    assert.deepEqual([done.state, done.to], ['updated', would.to]);
    const vm = await isUp('web', ({ peer }) => peer?.buildId === done.to);
    assert.equal(vm.endpoint.kind === 'tcp' && vm.endpoint.host, '127.0.0.1');
    assert.ok(agent.alive, 'whoever watches the agent sees the same process');
    assert.equal((await update('web', module)).state, 'current');

    writeFileSync(join(folder, 'file'), 'after the update\n'.repeat(10_000));
    const copied = await cli('cp', join(folder, 'file'), `web:${folder}/copy`, '--quiet');
    assert.equal(copied.code, 0, copied.err);
    assert.deepEqual(readFileSync(join(folder, 'copy')), readFileSync(join(folder, 'file')));

    await agent.kill();
    const { endpoint } = await client.call('showVm', { name: 'web' });
    const port = endpoint.kind === 'tcp' ? endpoint.port : 0;
    const again = serve(installed(), 'web', '--listen', `127.0.0.1:${port}`);
    assert.ok((await again.ready).address, 'the descriptor that it is to tell on goes along');
    await isUp('web', ({ peer }) => peer?.buildId === done.to);
  });

  it('goes back where the new build dies, or hangs; the same build may be tried again', async () => {
    const agent = await machine('db', ...SHORT_TRIAL);
    assert.match(await refused('CW_AGENT_ROLLED_BACK', 'db', build(DIES)), /ended \(9\)/);
    await isUp('db', ({ peer }) => peer?.buildId === '0.1.0');
    assert.match(await refused('CW_AGENT_ROLLED_BACK', 'db', build(HANGS)), /not linked in 5 s/);
    await isUp('db', ({ peer }) => peer?.buildId === '0.1.0');
    assert.ok(agent.alive);
    assert.deepEqual(readdirSync(join(folder, 'db', 'agent-builds')), [], 'nothing of them is left');
  });

  it('works with the link on stdin and stdout, where who starts the agent counts', async () => {
    const place = join(folder, 'pipe');
    mkdirSync(place);
    const command = `${process.execPath} --disable-warning=ExperimentalWarning ${installed()} run --stdio --data ${place}`;
    const { code, err } = await cli('vm', 'add', 'pipe', '--exec', command);
    assert.equal(code, 0, err);
    await isUp('pipe');
    const done = await update('pipe', build());
    await isUp('pipe', ({ peer }) => peer?.buildId === done.to);
    const why = await refused('CW_AGENT_ROLLED_BACK', 'pipe', build(DIES));
    assert.match(why, /started 3 times/);
    await isUp('pipe', ({ peer }) => peer?.buildId === done.to);
  });

  it('works with an agent that dials in', async () => {
    await client.call('addVm', {}, { name: 'inward', endpoint: { kind: 'listen' } });
    const { token } = await client.call('pairVm', { name: 'inward' }, { addresses: [] });
    const { listen } = await client.call('status', {});
    const agent = serve(installed(), 'inward', '--tcp', listen ?? '', '--token', token);
    await isUp('inward');
    const done = await update('inward', build());
    await isUp('inward', ({ peer }) => peer?.buildId === done.to);
    assert.ok(agent.alive);
    await client.call('rotateKey', {});
    await isUp('inward', ({ hostKey }) => hostKey?.isCurrent === true);
    const { to } = await client.call('rotateVm', { name: 'inward' });
    await isUp('inward', ({ fingerprint, hostKey }) => fingerprint === to && hostKey?.isCurrent === true);
    const signed = await update('inward', build());
    await isUp('inward', ({ peer }) => peer?.buildId === signed.to);
  });

  if (IS_LONG)
    it('refuses an older version unless that is asked for', async () => {
      await machine('old');
      const older = build('', (whole) => whole.replaceAll(/"0\.1\.0"/g, '"0.0.9"'));
      assert.match(await refused('CW_AGENT_OLDER', 'old', older), /0\.0\.9 is offered/);
      const done = await update('old', older, { allowDowngrade: true });
      assert.match(done.to, /^0\.0\.9-/);
      await isUp('old', ({ peer }) => peer?.buildId === done.to);
      const { out } = await cli('vm', 'ls');
      assert.match(out, /agent 0\.0\.9 beside 0\.1\.0 here: causeway vm update old/);
    });

  it('uses what was installed since, and not what had come over the link', async () => {
    const name = 'reinstalled';
    const own = join(folder, 'own.mjs');
    writeFileSync(own, text);
    const socket = join(folder, 'own.sock');
    const agent = serve(own, name, '--unix', socket);
    await agent.ready;
    await client.call('addVm', {}, { name, endpoint: { kind: 'unix', path: socket } });
    await isUp(name);
    const done = await update(name, build());
    await isUp(name, ({ peer }) => peer?.buildId === done.to);
    await agent.kill();
    writeFileSync(own, `${text}\n// another package\n`);
    await serve(own, name, '--unix', socket).ready;
    await isUp(name, ({ peer }) => peer?.buildId === '0.1.0');
    assert.deepEqual(readdirSync(join(folder, name, 'agent-builds')), []);
  });

  it('is refused by an agent of a checkout, one with --no-update, and one without keys', async () => {
    const add = async (name: string, trustCarrier: boolean, script: string, ...more: string[]) => {
      const path = join(folder, `${name}.sock`);
      const carrier = trustCarrier ? ['--trust-carrier'] : [];
      await serve(script, name, '--unix', path, ...carrier, ...more).ready;
      await client.call('addVm', {}, { name, endpoint: { kind: 'unix', path }, trustCarrier });
      await isUp(name);
    };
    await add('checkout', false, join(ROOT, 'src/guest/main.ts'));
    assert.match(await refused('CW_AGENT_FIXED', 'checkout'), /checkout/);
    await add('fixed', false, installed(), '--no-update');
    assert.match(await refused('CW_AGENT_FIXED', 'fixed'), /--no-update/);
    await add('plain', true, installed());
    assert.match(await refused('CW_AGENT_FIXED', 'plain'), /no keys/);
    const dead = join(folder, 'dead.mjs');
    writeFileSync(dead, 'throw new Error("broken")');
    await machine('sound');
    assert.match(await refused('CW_AGENT_BUILD', 'sound', dead), /does not start/);
  });

  if (IS_LONG)
    it('works with an agent that is one executable', async () => {
      const executable = join(folder, 'agent');
      makeExecutable(installed(), executable);
      const { code, err } = await cli(
        ...['vm', 'add', 'sea', '--exec', `${executable} run --stdio --data ${join(folder, 'sea')}`],
      );
      assert.equal(code, 0, err);
      await isUp('sea');
      const done = await update('sea', build());
      await isUp('sea', ({ peer }) => peer?.buildId === done.to);
      assert.match(await refused('CW_AGENT_ROLLED_BACK', 'sea', build(DIES)), /3 times/);
    });
});
