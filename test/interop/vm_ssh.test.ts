import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '../../scripts/bundle.ts';
import { DaemonClient } from '../../src/cli/client.ts';
import type { VmView } from '../../src/contract/schemas.ts';
import { ROOT, runCli, Served, until } from './rig.ts';
import { Sshd, sshdMissing } from './sshd.ts';

const IS_ROOT = process.getuid?.() === 0;

interface Added extends VmView {
  readonly installed: { readonly sentBytes: number; readonly agentDirectory: string; readonly build: string };
}

describe('vm add --ssh', { skip: sshdMissing() ?? false, timeout: 600_000 }, () => {
  let folder = '';
  let data = '';
  let daemon: Served;
  let sshd: Sshd;
  let client: DaemonClient;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-ssh-'));
    chmodSync(folder, 0o711); // the user of the machine is another
    data = join(folder, 'daemon');
    sshd = await Sshd.start(join(folder, 'sshd'));
    daemon = new Served(join(ROOT, 'src/cli/main.ts'), ['--data', data, 'up', '--no-web']);
    await daemon.ready;
    client = new DaemonClient(data);
  });
  after(async () => {
    await daemon?.kill('SIGTERM');
    await sshd?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const cli = (...args: string[]) => runCli(data, args);
  const add = (name: string, ...more: string[]) =>
    cli('vm', 'add', name, '--ssh', sshd.target, ...sshd.options(), '--json', ...more);
  const agents = () => join(sshd.home, '.local/share/causeway/agent');

  async function added(name: string, ...more: string[]): Promise<Added> {
    const { code, out, err } = await add(name, ...more);
    assert.equal(code, 0, `${out}${err}`);
    return JSON.parse(out) as Added;
  }

  async function refused(code: string, name: string, ...more: string[]): Promise<string> {
    const { code: exit, out } = await add(name, ...more);
    assert.notEqual(exit, 0, out);
    const { error } = JSON.parse(out) as { error: { code: string; message: string } };
    assert.equal(error.code, code, error.message);
    assert.ok(!(await client.call('listVms', {})).some((vm) => vm.name === name), 'nothing was added');
    return error.message;
  }

  it('brings agent and runtime to a machine without Node, links, and copies', async () => {
    const vm = await added('dev');
    assert.equal(vm.state, 'up');
    assert.equal(vm.installed.agentDirectory, agents());
    assert.ok(vm.installed.sentBytes > 20e6, 'the runtime is part of it');
    assert.equal(vm.peer?.buildId, vm.installed.build, 'the agent tells which build it is');
    assert.match(vm.tlsCipher ?? '', /AES|CHACHA/, 'with TLS and a pinned key inside ssh');
    assert.ok(vm.fingerprint);

    const source = join(folder, 'file');
    writeFileSync(source, 'across ssh\n'.repeat(100_000));
    const copied = await cli('cp', source, `dev:${sshd.home}/copy`, '--quiet');
    assert.equal(copied.code, 0, copied.err);
    assert.deepEqual(readFileSync(join(sshd.home, 'copy')), readFileSync(source));

    const shown = await cli('vm', 'show', 'dev');
    assert.match(shown.out, new RegExp(`ssh ${sshd.target}`));
    assert.match(shown.out, new RegExp(vm.installed.build));
  });

  it('links again by itself when the agent dies', async () => {
    const { sinceMs } = await client.call('showVm', { name: 'dev' });
    process.kill(agentPid(agents()), 'SIGKILL');
    await until('the link is up again', 30_000, async () => {
      const vm = await client.call('showVm', { name: 'dev' });
      return vm.state === 'up' && vm.sinceMs > sinceMs ? true : null;
    });
  });

  it('updates to another build, says so before, and sends only that', async () => {
    const { peer } = await client.call('showVm', { name: 'dev' });
    const module = await builtAgent((text) => `${text}\n// another build\n`);
    const dry = await cli('vm', 'update', 'dev', '--agent-module', module, '--dry-run', '--json');
    const would = JSON.parse(dry.out) as { state: string; from: string; to: string };
    assert.deepEqual([dry.code, would.state, would.from], [0, 'would be updated', peer?.buildId], dry.err);
    assert.equal(readlinkSync(join(agents(), 'current')), peer?.buildId, 'nothing has changed');

    const { code, out, err } = await cli('vm', 'update', 'dev', '--agent-module', module, '--json');
    assert.equal(code, 0, `${out}${err}`);
    const done = JSON.parse(out) as { state: string; to: string; sentBytes: number };
    assert.equal(done.state, 'updated');
    assert.ok(done.sentBytes < 10e6, 'the runtime stays');
    assert.equal((await client.call('showVm', { name: 'dev' })).peer?.buildId, would.to);
    assert.equal(readlinkSync(join(agents(), 'previous')), peer?.buildId);
    assert.ok(!readdirSync(agents()).includes('trial'), 'the link has ended the trial');
  });

  it('goes back to the former build where the new one never links', async () => {
    const { peer } = await client.call('showVm', { name: 'dev' });
    // says its version, as a build has to before it is tried, and then serves nobody
    const broken = await builtAgent(
      (text) =>
        `#!/usr/bin/env node\nif (!process.argv.includes('--version')) process.exit(9);\n${text.slice(text.indexOf('\n') + 1)}`,
    );
    const { code, out } = await cli('vm', 'update', 'dev', '--agent-module', broken, '--json');
    assert.notEqual(code, 0);
    assert.match(out, /CW_AGENT_ROLLED_BACK/);
    await until('the former build is linked', 60_000, async () => {
      const vm = await client.call('showVm', { name: 'dev' });
      return vm.state === 'up' && vm.peer?.buildId === peer?.buildId ? true : null;
    });
    assert.equal(readlinkSync(join(agents(), 'current')), peer?.buildId);
  });

  it('changes nothing for a build that does not even start', async () => {
    const before = readlinkSync(join(agents(), 'current'));
    const dead = await builtAgent(() => 'throw new Error("broken");\n');
    const { code, out } = await cli('vm', 'update', 'dev', '--agent-module', dead, '--json');
    assert.notEqual(code, 0);
    assert.match(out, /CW_AGENT_PLATFORM.*does not start/);
    assert.equal(readlinkSync(join(agents(), 'current')), before);
  });

  it('sends again what is damaged, and not the rest', async () => {
    const { code, err } = await cli('vm', 'rm', 'dev');
    assert.equal(code, 0, err);
    const build = readlinkSync(join(agents(), 'current'));
    appendFileSync(join(agents(), build, 'causeway-agent.mjs'), '\nthrow new Error();\n');
    const { installed } = await added('dev');
    assert.ok(installed.sentBytes > 0 && installed.sentBytes < 10e6, 'the agent alone');
  });

  it('leaves the agent to another host that uses it', async () => {
    mkdirSync(join(agents(), 'state-of-another-host'));
    const { code, err } = await cli('vm', 'rm', 'dev', '--purge');
    assert.equal(code, 0, err);
    assert.match(err, /another host uses it/);
    const left = readdirSync(agents());
    assert.deepEqual(
      left.filter((name) => name.startsWith('state-')),
      ['state-of-another-host'],
    );
    assert.ok(left.includes('current'));
    rmSync(join(agents(), 'state-of-another-host'), { recursive: true });
  });

  it('sends nothing that is there and whole; purged, nothing is left of it, and all else', async () => {
    writeFileSync(join(agents(), 'mine-and-not-theirs'), '');
    const { installed } = await added('dev');
    assert.equal(installed.sentBytes, 0);
    const { code, err } = await cli('vm', 'rm', 'dev', '--purge');
    assert.equal(code, 0, err);
    assert.deepEqual(readdirSync(agents()), ['mine-and-not-theirs']);
    rmSync(join(agents(), 'mine-and-not-theirs'));
  });

  it('says what is wrong with a sign-in, a key, an address', async () => {
    const stranger = await cli('vm', 'add', 'x', '--ssh', sshd.target, ...sshd.options('stranger'), '--json');
    assert.match(stranger.out, /CW_SSH_AUTH/);
    sshd.know('stranger');
    assert.match(await refused('CW_SSH_HOST_KEY', 'x'), /another than before/);
    writeFileSync(join(sshd.folder, 'known_hosts'), '');
    assert.match(await refused('CW_SSH_HOST_KEY', 'x'), /not known yet/);
    sshd.know('host');
    const nowhere = await cli('vm', 'add', 'x', '--ssh', '127.0.0.1:1', '--json');
    assert.match(nowhere.out, /CW_SSH_UNREACHABLE/);
    await refused('CW_USAGE', 'x', '--ssh-option', 'StrictHostKeyChecking=no');
    await refused('CW_USAGE', 'x', '--ssh-option', 'UserKnownHostsFile=/dev/null');
  });

  it('refuses a machine that cannot run it, before anything is sent', async () => {
    const mend = sshd.replaceTool('uname', 'case $1 in -m) echo riscv64;; *) echo Linux;; esac');
    assert.match(await refused('CW_AGENT_PLATFORM', 'x'), /riscv64/);
    mend();
    const old = sshd.replaceTool('getconf', 'echo glibc 2.17');
    assert.match(await refused('CW_AGENT_PLATFORM', 'x'), /glibc 2\.17/);
    old();
    const full = sshd.replaceTool('df', 'echo head; echo tmpfs 1 1 1024 9% /');
    assert.match(await refused('CW_AGENT_PLACE', 'x'), /1\.00 MiB free/);
    full();
    assert.match(
      await refused('CW_AGENT_PLACE', 'x', '--agent-dir', '/proc/agent'),
      /nothing can be written/,
    );
    assert.deepEqual(readdirSync(agents()), []);
  });

  it('refuses a folder from which nothing can be run, and a disk that fills up on the way', {
    skip: !IS_ROOT && 'mounts file systems',
  }, async () => {
    const place = join(folder, 'mounted');
    mkdirSync(place);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'noexec,mode=777,size=8m', 'tmpfs', place]);
    const blind = sshd.replaceTool('df', 'echo head; echo tmpfs 1 1 99999999 9% /');
    try {
      assert.match(await refused('CW_AGENT_PLACE', 'x', '--agent-dir', join(place, 'a')), /noexec/);
      execFileSync('mount', ['-o', 'remount,exec', place]);
      const message = await refused('CW_AGENT_PLACE', 'x', '--agent-dir', join(place, 'a'));
      assert.match(message, /the disk is full/);
      assert.deepEqual(readdirSync(join(place, 'a')), [], 'nothing half is left');
    } finally {
      blind();
      execFileSync('umount', [place]);
    }
  });

  it('installs nothing of what arrives damaged', async () => {
    const mend = sshd.replaceTool(
      'cat',
      `exec ${process.execPath} -e 'process.stdin.once("data", (d) => { d[0] ^= 1; process.stdout.write(d); process.stdin.pipe(process.stdout); })'`,
    );
    await refused('CW_AGENT_DAMAGED', 'x');
    mend();
    assert.deepEqual(readdirSync(agents()), []);
  });

  let built = '';
  let builds = 0;

  /** The agent of the sources as one module, changed. */
  async function builtAgent(change: (text: string) => string): Promise<string> {
    if (built === '') {
      const path = join(folder, 'built.mjs');
      await bundle('src/guest/main.ts', path);
      built = readFileSync(path, 'utf8');
    }
    builds += 1;
    const path = join(folder, `build-${builds}.mjs`);
    writeFileSync(path, change(built));
    return path;
  }
});

/** The process whose program lies below the folder. */
function agentPid(below: string): number {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readlinkSync(`/proc/${entry}/exe`).startsWith(below)) return Number(entry);
    } catch {
      // it has ended, or is a thread of the kernel
    }
  }
  throw new Error('no agent runs');
}
