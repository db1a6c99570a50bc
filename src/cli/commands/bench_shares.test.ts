import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../../bin/causeway', import.meta.url));
const SMALL = ['--quick', '--size', '8M', '--files', '50', '--connections', '5', '--reads', '100'];
/** All ways take half a minute: they are measured where BENCH_SHARES=all asks for it. */
const ALL = process.env['BENCH_SHARES'] === 'all';
const FEW = 'bare,webdav-tls,rclone-webdav,mount,bindfs';

describe('causeway bench shares', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'cw-bench-shares-'));
    chmodSync(dir, 0o711); // Apache serves as nobody
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const run = async (words: readonly string[], interruptAt: RegExp | null = null) => {
    const child = spawn(PROGRAM, ['bench', 'shares', '--dir', dir, ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err, isInterrupted] = ['', '', false];
    child.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      err += bytes.toString();
      if (isInterrupted || interruptAt?.test(err) !== true) return;
      isInterrupted = true;
      child.kill('SIGINT');
    });
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, out, err };
  };

  /** Files, mounts and programs that name the folder. */
  const left = () => [
    ...readdirSync(dir),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(dir)),
    ...readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => pid !== String(process.pid) && commandOf(pid).includes(`${dir}/`)),
  ];

  it('measures what is installed, and leaves nothing', async () => {
    const { code, out, err } = await run([...SMALL, '--json', ...(ALL ? [] : ['--only', FEW])]);
    assert.equal(code, 0, `${err}${out}`);
    const report = JSON.parse(out);
    assert.equal(report.schema, 1);
    const { sizeBytes, files, connections, rounds } = report.work;
    assert.deepEqual([sizeBytes, files, connections, rounds], [8 * 1024 ** 2, 50, 5, 1]);
    for (const { name, reason, figures, failures } of report.shares) {
      const isSmb = name.startsWith('smb');
      const wanted = isSmb ? ['list', 'read', 'write', 'create'] : Object.keys(UNITS);
      if (reason !== null) assert.match(reason, /^not installed: apt install \S|this kernel|as root/, name);
      else if (name !== 'nginx-webdav')
        assert.deepEqual(Object.keys(figures), wanted, JSON.stringify(failures));
      for (const [figure, { perSecond, unit, meanUs, p99Us }] of Object.entries<Figure>(figures)) {
        assert.ok(perSecond > 0, `${name} ${figure}`);
        assert.equal(unit, UNITS[figure]);
        const isTimed = figure === 'random' || figure === 'clients';
        assert.ok(isTimed ? meanUs! > 0 && p99Us! >= meanUs! / 10 : meanUs === null, `${name} ${figure}`);
      }
    }
    const bare = report.shares.find((share: { name: string }) => share.name === 'bare');
    assert.equal(bare.reason, null);
    assert.ok(report.verified >= 3);
    assert.ok(report.targets.some((target: { ours: string }) => target.ours === 'mount'));
    assert.deepEqual(left(), []);
  });

  it('leaves nothing when it is interrupted', async () => {
    const words = ['--quick', '--size', '8M', '--reads', '1000000', '--only', 'mount-copying'];
    const { code, err } = await run(words, /round 1 of 1: mount-copying/);
    assert.equal(code, 130, err);
    assert.deepEqual(left(), []);
  });

  it('tells what there is, and refuses what there is not', async () => {
    const { code, out } = await run(['--list', '--json']);
    assert.equal(code, 0);
    const names = JSON.parse(out).shares.map((share: { name: string }) => share.name);
    assert.ok(names.includes('mount-tls') && names.includes('nginx-webdav'), out);
    const unknown = await run(['--only', 'bare,tape']);
    assert.equal(unknown.code, 2);
    assert.match(unknown.err, /--only tape: one of bare, mount, /);
    assert.equal((await run(['--size', '1'])).code, 2);
  });
});

interface Figure {
  readonly perSecond: number;
  readonly unit: string;
  readonly meanUs: number | null;
  readonly p99Us: number | null;
}

const UNITS: Readonly<Record<string, string>> = {
  list: 'files/s',
  clients: 'reads/s',
  random: 'reads/s',
  read: 'MiB/s',
  write: 'MiB/s',
  create: 'files/s',
};

function commandOf(pid: string): string {
  const path = `/proc/${pid}/cmdline`;
  try {
    return existsSync(path) ? readFileSync(path, 'latin1') : '';
  } catch {
    return ''; // it has ended meanwhile
  }
}
