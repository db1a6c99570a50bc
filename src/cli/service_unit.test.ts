import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { UNIT_MARK, UNIT_NAME, unitText } from './service_unit.ts';

const WISH = {
  program: ['/opt/causeway/bin/causeway'],
  dataDirectory: '/var/lib/causeway',
  configFile: '/etc/causeway/config.yaml',
  user: false,
};
const COMMAND =
  'ExecStart=/opt/causeway/bin/causeway --data /var/lib/causeway up --config /etc/causeway/config.yaml';

describe('the systemd unit', () => {
  it('says when it is ready, is watched, and is confined where it is of the machine', () => {
    const lines = unitText(WISH).split('\n');
    assert.equal(lines[0], UNIT_MARK);
    for (const line of [
      COMMAND,
      'Type=notify',
      'WatchdogSec=60',
      'TimeoutStopSec=25',
      'KillMode=mixed',
      'ProtectKernelModules=yes',
      'WantedBy=multi-user.target',
    ])
      assert.ok(lines.includes(line), line);
    const own = unitText({ ...WISH, user: true, configFile: null });
    assert.match(own, /WantedBy=default\.target/);
    assert.match(own, /^CPUWeight=70$\n^IOWeight=50$/m);
    assert.doesNotMatch(own, /Protect|network-online|--config/);
  });

  it('quotes what systemd would take apart, and refuses what no unit can hold', () => {
    const text = unitText({ ...WISH, dataDirectory: '/srv/a b/$x/100%/"q"\\', configFile: null });
    assert.match(text, /--data "\/srv\/a b\/\$\$x\/100%%\/\\"q\\"\\\\" up$/m);
    assert.throws(() => unitText({ ...WISH, dataDirectory: '/srv/a\nExecStartPre=/bin/x' }), {
      code: 'CW_USAGE',
    });
  });

  it('is one that systemd takes without a word', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'causeway-unit-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    for (const user of [false, true]) {
      const path = join(folder, UNIT_NAME);
      writeFileSync(path, unitText({ ...WISH, program: ['/bin/true', 'a b'], user }));
      const args = [...(user ? ['--user'] : []), 'verify', path];
      const env = { ...process.env, XDG_RUNTIME_DIR: folder };
      const { status, stderr, error } = spawnSync('systemd-analyze', args, { encoding: 'utf8', env });
      if (error) return t.skip('systemd-analyze is not here: install the package systemd');
      const about = stderr.split('\n').filter((line) => line.includes(UNIT_NAME));
      assert.deepEqual([status, about], [0, []], stderr);
    }
  });
});
