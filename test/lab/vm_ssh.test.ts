// A machine with nothing of this program and no Node gets its agent by ssh. The time it takes is told, and beside it that of
// `ssh true`: an emulated machine is some ten times slower than a real one, and so this runs with LAB_SSH=1 only.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { VmView } from '../../src/contract/schemas.ts';
import { ROOT, runCli, Served, until } from '../interop/rig.ts';
import { sshdMissing } from '../interop/sshd.ts';
import { shellQuote } from './initramfs.ts';
import { copyLabVm } from './rig.ts';
import { guestTcpPort, type LabVm, labMissing } from './vm.ts';

const skip = labMissing() ?? sshdMissing() ?? false;
const HOME = '/data/bare';
const PLACE = '/run/sshd-lab';

const runs = process.env['LAB_SSH'] === '1' ? describe : () => undefined;

runs('lab: vm add --ssh onto a machine without Node', { skip }, () => {
  let folder = '';
  let data = '';
  let vm: LabVm;
  let daemon: Served;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'causeway-lab-ssh-'));
    data = join(folder, 'daemon');
    for (const key of ['host', 'user'])
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, key)]);
    daemon = new Served(join(ROOT, 'src/cli/main.ts'), ['--data', data, 'up', '--no-web']);
    vm = await copyLabVm(true);
    await daemon.ready;
    const publicKey = readFileSync(join(folder, 'host.pub'), 'utf8');
    writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${vm.forwardedTcpPort} ${publicKey}`);
    await startSshd();
  });
  after(async () => {
    await daemon?.kill('SIGTERM');
    await vm?.exec(
      `kill $(cat ${PLACE}/pid); umount $(command -v node) 2>/dev/null; rm -rf ${HOME} ${PLACE}`,
    );
    rmSync(folder, { recursive: true, force: true });
  });

  /** As Debian's, for a user who has a home and no rights; whatever Node the machine has is hidden. */
  async function startSshd(): Promise<void> {
    const config = [
      ...[
        `Port ${guestTcpPort}`,
        `HostKey ${PLACE}/host`,
        `PidFile ${PLACE}/pid`,
        'UsePAM no',
        'StrictModes no',
      ],
      ...[`AuthorizedKeysFile ${PLACE}/user.pub`, 'PasswordAuthentication no', ''],
    ].join('\n');
    const file = (name: string, text: string) => `printf %s ${shellQuote(text)} >${PLACE}/${name}`;
    const script = [
      'set -e',
      `mkdir -p ${PLACE} /run/sshd`,
      file('host', readFileSync(join(folder, 'host'), 'utf8')),
      file('user.pub', readFileSync(join(folder, 'user.pub'), 'utf8')),
      file('config', config),
      `chmod 600 ${PLACE}/host`,
      `id bare >/dev/null 2>&1 || useradd --home-dir ${HOME} --shell /bin/sh bare`,
      // an account that is locked is refused by sshd also with a key
      `usermod --password '*' bare`,
      `mkdir -p ${HOME}`,
      `chown bare ${HOME}`,
      'for one in $(which -a node npm 2>/dev/null); do mount --bind /dev/null "$one"; done',
      `/usr/sbin/sshd -f ${PLACE}/config`,
    ].join('\n');
    const { code, stderr } = await vm.exec(script);
    assert.equal(code, 0, stderr);
  }

  const options = () => [
    '-i',
    join(folder, 'user'),
    '-o',
    `UserKnownHostsFile=${join(folder, 'known_hosts')}`,
  ];

  function ssh(command: string): string {
    const words = [
      ...options(),
      '-o',
      'BatchMode=yes',
      '-p',
      String(vm.forwardedTcpPort),
      'bare@127.0.0.1',
      command,
    ];
    return execFileSync('ssh', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  test('brings agent and runtime, and links', async (t) => {
    await until('sshd lets in', 60_000, () => {
      try {
        return ssh('true') === '' ? true : null;
      } catch {
        return null; // it is still being started
      }
    });
    assert.equal(ssh('node --version 2>/dev/null || echo none'), 'none\n');
    const beganMs = performance.now();
    ssh('true');
    const bareMs = performance.now() - beganMs;
    const target = `bare@127.0.0.1:${vm.forwardedTcpPort}`;
    const known = ['--ssh-option', `UserKnownHostsFile=${join(folder, 'known_hosts')}`];
    const startMs = performance.now();
    const words = [
      'vm',
      'add',
      'bare',
      '--ssh',
      target,
      '--identity',
      join(folder, 'user'),
      ...known,
      '--json',
    ];
    const { code, out, err } = await runCli(data, words);
    const seconds = (performance.now() - startMs) / 1_000;
    assert.equal(code, 0, `${out}${err}`);
    const added = JSON.parse(out) as VmView & { installed: { sentBytes: number } };
    assert.equal(added.state, 'up');
    assert.ok(added.installed.sentBytes > 20e6, 'the runtime is part of it');
    t.diagnostic(
      `vm add --ssh: ${seconds.toFixed(1)} s; ssh true: ${(bareMs / 1_000).toFixed(1)} s (${vm.accelerator})`,
    );

    writeFileSync(join(folder, 'file'), 'into a bare machine\n'.repeat(1_000));
    const copied = await runCli(data, ['cp', join(folder, 'file'), `bare:${HOME}/copy`, '--quiet']);
    assert.equal(copied.code, 0, copied.err);
    assert.equal(ssh(`cat ${HOME}/copy`), readFileSync(join(folder, 'file'), 'utf8'));
    const gone = await runCli(data, ['vm', 'rm', 'bare', '--purge']);
    assert.equal(gone.code, 0, gone.err);
  });
});
