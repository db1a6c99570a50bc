import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { bindLibc } from '../../src/world/node/libc.ts';
import { ROOT, Served } from '../interop/rig.ts';

interface Calls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, addressBytes: number): number;
  recv(fd: number, into: Uint8Array, length: bigint, flags: number): bigint;
  close(fd: number): number;
}

const SIGNATURES = {
  socket: { return: 'i32', arguments: ['i32', 'i32', 'i32'] },
  bind: { return: 'i32', arguments: ['i32', 'pointer', 'u32'] },
  recv: { return: 'i64', arguments: ['i32', 'pointer', 'u64', 'i32'] },
  close: { return: 'i32', arguments: ['i32'] },
} as const;

/** A service manager's end of the socket: what was told so far. */
class Manager {
  readonly #calls: Calls;
  readonly #fd: number;
  readonly told: string[] = [];

  constructor(path: string) {
    const libc = bindLibc<Calls>(SIGNATURES as never);
    assert.ok(libc !== null);
    this.#calls = libc.functions;
    this.#fd = libc.check('socket', this.#calls.socket(1, 2, 0));
    const address = new Uint8Array([1, 0, ...new TextEncoder().encode(path), 0]);
    libc.check('bind', this.#calls.bind(this.#fd, address, address.byteLength));
  }

  async until(state: string): Promise<void> {
    const deadlineMs = Date.now() + 60_000;
    const into = new Uint8Array(4_096);
    while (!this.told.includes(state)) {
      assert.ok(Date.now() < deadlineMs, `${state} after ${this.told.join(', ')}`);
      const count = Number(this.#calls.recv(this.#fd, into, 4_096n, 0x40));
      if (count > 0) this.told.push(new TextDecoder().decode(into.subarray(0, count)));
      else await wait(5);
    }
  }

  close(): void {
    this.#calls.close(this.#fd);
  }
}

it('a daemon tells its service manager that it is ready, alive and stopping; without systemd nothing is installed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'causeway-unit-'));
  mkdirSync(join(folder, 'data'));
  const manager = new Manager(join(folder, 'notify'));
  const script = join(ROOT, 'src/cli/main.ts');
  const daemon = new Served(script, ['--data', join(folder, 'data'), 'up', '--no-web', '--no-shares'], {
    NOTIFY_SOCKET: join(folder, 'notify'),
    WATCHDOG_USEC: '200000',
  });
  t.after(async () => {
    await daemon.kill();
    manager.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await daemon.ready;
  await manager.until('READY=1');
  await manager.until('WATCHDOG=1');
  daemon.child.kill('SIGTERM');
  await manager.until('STOPPING=1');
  if (daemon.alive) await new Promise((resolve) => daemon.child.once('exit', resolve));
  assert.equal(daemon.child.exitCode, 0);

  const unit = join(folder, 'systemd/user/causeway.service');
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', script, 'up', ...args], {
      encoding: 'utf8',
      env: { ...process.env, XDG_CONFIG_HOME: folder, XDG_RUNTIME_DIR: folder },
    });
  const shown = run('--install-service', '--user', '--dry-run');
  assert.equal(shown.status, 0, shown.stderr);
  assert.ok(shown.stdout.includes(`write:  ${unit}`), shown.stdout);
  assert.match(shown.stdout, /ExecStart=.*bin\/causeway --data .* up\n/);
  assert.match(shown.stdout, /run: {4}systemctl --user enable --now causeway\.service/);
  const refused = run('--install-service', '--user');
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /there is no systemd session of this user: nothing was changed/);
});
