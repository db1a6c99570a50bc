import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './rig.ts';

/** Why libvirt cannot be had here; null where it can. */
export function libvirtMissing(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  const missing = ['virsh', 'libvirtd', 'qemu-system-x86_64'].filter(
    (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0,
  );
  return missing.length === 0 ? null : `needs ${missing.join(', ')}`;
}

/** Runs QEMU as the user of the test, and writes outside of the machine's own folders only. */
const QEMU_CONF = [
  'user="root"',
  'group="root"',
  'security_driver="none"',
  'dynamic_ownership=0',
  'remember_owner=0',
  'stdio_handler="file"',
  'cgroup_controllers=[]',
  'namespaces=[]',
];

/** A libvirtd of its own: its folders hide those of the machine in a mount namespace that it alone has. */
export class Libvirtd implements AsyncDisposable {
  readonly folder: string;
  readonly uri: string;
  readonly #child: ChildProcess;

  private constructor(folder: string, child: ChildProcess) {
    this.folder = folder;
    this.#child = child;
    this.uri = `qemu:///system?socket=${folder}/sock/libvirt-sock`;
  }

  static async start(): Promise<Libvirtd> {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-libvirt-'));
    for (const name of ['etc', 'lib', 'log', 'cache', 'run', 'sock']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'etc/qemu.conf'), `${QEMU_CONF.join('\n')}\n`);
    const conf = [
      `unix_sock_dir = "${folder}/sock"`,
      'auth_unix_rw = "none"',
      'auth_unix_ro = "none"',
      'listen_tls = 0',
    ];
    writeFileSync(join(folder, 'etc/libvirtd.conf'), `${conf.join('\n')}\n`);
    // Debian's libvirt looks for this account, which only its package for systemd makes
    for (const [name, line] of [
      ['passwd', 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin'],
      ['group', 'libvirt-qemu:x:64055:'],
    ] as const)
      writeFileSync(join(folder, name), `${readFileSync(`/etc/${name}`, 'utf8').trimEnd()}\n${line}\n`);
    const script = [
      'set -e',
      'mkdir -p /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /run/libvirt',
      'mount --make-rprivate /',
      `mount --bind ${folder}/passwd /etc/passwd`,
      `mount --bind ${folder}/group /etc/group`,
      `mount --bind ${folder}/etc /etc/libvirt`,
      `mount --bind ${folder}/lib /var/lib/libvirt`,
      `mount --bind ${folder}/log /var/log/libvirt`,
      `mount --bind ${folder}/cache /var/cache/libvirt`,
      `mount --bind ${folder}/run /run/libvirt`,
      `exec libvirtd -f ${folder}/etc/libvirtd.conf -p ${folder}/pid`,
    ].join('\n');
    const log = join(folder, 'libvirtd.log');
    const child = spawn('unshare', ['-m', 'sh', '-c', `${script} >${log} 2>&1`], { stdio: 'ignore' });
    const libvirtd = new Libvirtd(folder, child);
    await until('libvirtd answers', 30_000, () => {
      if (child.exitCode !== null) throw new Error(`libvirtd ended: ${readFileSync(log, 'utf8')}`);
      return existsSync(`${folder}/sock/libvirt-sock`) && libvirtd.virsh('version').status === 0
        ? true
        : null;
    });
    return libvirtd;
  }

  virsh(...words: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync('virsh', ['-q', '-c', this.uri, ...words], { encoding: 'utf8' });
  }

  /** Defines a machine that runs nothing; `more` are further devices. */
  define(name: string, uuid: string, more = ''): void {
    const xml = join(this.folder, `${name}.xml`);
    writeFileSync(
      xml,
      `<domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><memballoon model='none'/>${more}</devices></domain>`,
    );
    const { status, stderr } = this.virsh('define', xml);
    if (status !== 0) throw new Error(stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.virsh('list', '--name')
      .stdout.split('\n')
      .filter((one) => one !== ''))
      this.virsh('destroy', name);
    if (this.#child.exitCode === null) {
      const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
      this.#child.kill('SIGTERM');
      await gone;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
