import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { shellQuote } from './initramfs.ts';
import { sharedLabVm } from './shared.ts';
import { bootLabVm, guestNodePath, guestSerialPath, guestTcpPort, type LabVm, labMissing } from './vm.ts';

const missing = labMissing();
const skip = missing ?? false;

async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `not within 30 s: ${what}`);
    await delay(50);
  }
}

async function connect(target: string | { host: string; port: number }): Promise<Socket> {
  const socket =
    typeof target === 'string' ? createConnection(target) : createConnection(target.port, target.host);
  await once(socket, 'connect');
  return socket;
}

function guestNode(script: string): string {
  return `${guestNodePath} -e ${shellQuote(script)}`;
}

/** Processes of this machine whose command line contains a text. */
function processesWith(text: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(text);
    } catch {
      // It ended while the list was read.
      return false;
    }
  });
}

describe('lab: a guest without network or disk', { skip }, () => {
  let vm: LabVm;
  before(async () => {
    vm = await sharedLabVm({ network: false });
  });

  test('a command returns its exit code and both outputs', async () => {
    const result = await vm.exec('printf "%s\\n" "$WORD"; printf err >&2; exit 7', {
      env: { WORD: `it's "ü" $HOME` },
    });
    assert.deepEqual(result, { code: 7, stdout: `it's "ü" $HOME\n`, stderr: 'err' });
    assert.equal((await vm.exec('kill -9 $$')).code, 137);
  });

  test('commands run side by side and large output arrives whole', async () => {
    const results = await Promise.all(
      [1, 2, 3, 4].map((n) => vm.exec(`seq ${n}0000 | sha256sum; seq ${n}0000`)),
    );
    for (const [index, { stdout }] of results.entries()) {
      const body = stdout.slice(stdout.indexOf('\n') + 1);
      assert.equal(body.split('\n').length, (index + 1) * 10_000 + 1);
      assert.equal(createHash('sha256').update(body).digest('hex'), stdout.slice(0, 64));
    }
  });

  test('the pinned Node runs, from the same file as on this machine', async () => {
    const { stdout, stderr } = await vm.exec(guestNode('console.log(process.version, process.pid > 1)'));
    assert.equal(
      stdout,
      `${execFileSync(guestNodePath, ['--version'], { encoding: 'utf8' }).trim()} true\n`,
      stderr,
    );
  });

  test('a background command runs until it is killed by its process id', async () => {
    const { pid, outputFolder } = await vm.exec('echo $GREETING; sleep 1000', {
      background: true,
      env: { GREETING: 'up' },
    });
    assert.ok(pid !== undefined && pid > 1);
    await eventually('output', async () => (await vm.exec(`cat ${outputFolder}/stdout`)).stdout === 'up\n');
    assert.equal((await vm.exec(`kill -0 ${pid}`)).code, 0);
    await vm.exec(`kill -TERM -${pid}`);
    await eventually('its end', async () => (await vm.exec(`kill -0 ${pid}`)).code !== 0);
  });

  test('a simple background command is the process itself and can be interrupted', async () => {
    const { pid } = await vm.exec('sleep 1001', { background: true });
    await eventually('sleep', async () => (await vm.exec(`cat /proc/${pid}/comm`)).stdout === 'sleep\n');
    await vm.exec(`kill -INT ${pid}`);
    await eventually('its end', async () => (await vm.exec(`kill -0 ${pid}`)).code !== 0);
  });

  test('a command that takes too long is killed with all it started', async () => {
    await assert.rejects(
      vm.exec('echo begun; sleep 1002 & sleep 1002', { timeoutMs: 1_500 }),
      /no end after 1500 ms.*\nbegun/s,
    );
    assert.equal((await vm.exec('pgrep -f "sleep 100[2]"')).stdout, '');
  });

  test('the root is the machine, writes stay in the guest, and there is no network card', async () => {
    const marker = `/lab-${randomBytes(6).toString('hex')}`;
    assert.equal((await vm.exec(`echo x >${marker} && cat ${marker}`)).stdout, 'x\n');
    assert.ok(!readdirSync('/').includes(marker.slice(1)));
    assert.deepEqual((await vm.exec('ls /sys/class/net')).stdout.split('\n'), ['lo', '']);
    assert.equal(vm.forwardedTcpPort, null);
  });

  test('the serial port moves 16 MiB each way unchanged', async () => {
    const sent = randomBytes(16 * 1024 * 1024);
    const socket = await connect(vm.serialSocketPath);
    const { pid } = await vm.exec(`cat <>${guestSerialPath} >&0`, { background: true });
    const received: Buffer[] = [];
    let length = 0;
    socket.on('data', (bytes: Buffer) => {
      received.push(bytes);
      length += bytes.length;
    });
    socket.write(sent);
    await eventually('the echo', () => length >= sent.length);
    assert.ok(Buffer.concat(received).equals(sent));
    socket.destroy();
    await vm.exec(`kill -KILL -${pid}`);
  });

  test('QEMU refuses with its own words', async () => {
    await assert.rejects(vm.qmp('no-such-command'), /CommandNotFound/);
    assert.deepEqual(await vm.qmp('query-status'), { running: true, singlestep: false, status: 'running' });
  });

  test('file systems that later tests mount can be loaded', async () => {
    const { stdout } = await vm.exec('modprobe -a ext4 nfs nfsv4 cifs xfs; cat /proc/filesystems');
    for (const name of ['ext4', 'fuse', '9p', 'overlay', 'nfs', 'nfs4', 'cifs', 'xfs']) {
      assert.match(stdout, new RegExp(`\\b${name}\\n`));
    }
    assert.equal((await vm.exec('test -c /dev/fuse')).code, 0);
  });
});

describe('lab: a guest with network and disk', { skip }, () => {
  let folder: string;
  let vm: LabVm;
  before(async () => {
    folder = mkdtempSync(`${tmpdir()}/lab-test-`);
    vm = await bootLabVm({ network: true, dataDiskPath: `${folder}/data.img`, dataDiskMiB: 256 });
  });
  after(async () => {
    await vm[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('TCP from this machine reaches the guest, and from the guest this machine', async () => {
    const server = `require('net').createServer((s) => s.end('from the guest')).listen(${guestTcpPort})`;
    const { pid } = await vm.exec(guestNode(server), { background: true });
    assert.ok(vm.forwardedTcpPort !== null);
    const target = { host: '127.0.0.1', port: vm.forwardedTcpPort };
    await eventually('an answer', async () => {
      const socket = await connect(target);
      const text: Buffer[] = [];
      // Until the guest listens, QEMU takes the connection and then resets it.
      const ended = new Promise((resolve) => socket.once('close', resolve));
      socket.on('error', () => socket.destroy()).on('data', (bytes: Buffer) => text.push(bytes));
      await ended;
      return Buffer.concat(text).toString() === 'from the guest';
    });
    await vm.exec(`kill ${pid}`);

    const listener = createServer((socket) => socket.end('from the host')).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as { port: number };
    const client = `require('net').connect(${port}, '10.0.2.2').pipe(process.stdout)`;
    assert.equal((await vm.exec(guestNode(client))).stdout, 'from the host');
    listener.close();
  });

  test('a reset keeps what was flushed, loses what was not, and ends commands', async () => {
    await vm.exec('seq 100000 >/data/flushed && sync /data/flushed /data');
    const digest = (await vm.exec('sha256sum /data/flushed; echo running >/tmp/mark')).stdout;
    const pending = assert.rejects(vm.exec('sleep 1003'), /the guest restarted/);
    await vm.exec('seq 100000 >/data/unflushed');
    await vm.reset();
    await pending;
    assert.equal((await vm.exec('sha256sum /data/flushed')).stdout, digest);
    assert.equal((await vm.exec('cat /data/unflushed 2>/dev/null | wc -c')).stdout.trim(), '0');
    assert.equal((await vm.exec('cat /tmp/mark')).code, 1);
  });
});

test('lab: the machine dies with its process, even when that is killed', { skip }, async () => {
  const script = `import { bootLabVm } from ${JSON.stringify(new URL('./vm.ts', import.meta.url).href)};
    const vm = await bootLabVm({ network: false });
    console.log(vm.serialSocketPath);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  const socketPath = line.trim();
  assert.equal(processesWith(`path=${socketPath},`).length, 1);
  child.kill('SIGKILL');
  await eventually('the end of QEMU', () => processesWith(`path=${socketPath},`).length === 0);
  rmSync(socketPath.replace(/\/serial$/, ''), { recursive: true });
});
