import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { Rig } from '../interop/rig.ts';
import { skip, startMount } from './rig.ts';

it('a close tells what there was no room for, through one mount and through two', { skip }, async () => {
  await using rig = await Rig.start();
  const [origin, mounted] = [path.join(rig.guestFiles, 'origin'), path.join(rig.hostFiles, 'mounted')];
  const near = await rig.addMachine('near');
  const shown = path.join(near.files, 'shown');
  for (const at of [origin, mounted]) fs.mkdirSync(at);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', origin]);
  const filler = path.join(origin, 'filler');
  try {
    await rig.waitUp();
    await rig.client.call('addMount', {}, { vm: 'vm', folder: origin, mountpoint: mounted, asRoot: true });
    const flags = ['--mount', `near:${shown}`, '--as-root', '--name', 'full'];
    const made = await rig.cli('share', 'create', mounted, ...flags);
    assert.equal(made.code, 0, made.err);
    fs.writeFileSync(filler, Buffer.alloc(64 * 1024));
    const file = await files.open(path.join(shown, 'file'), 'w');
    await file.write('no room');
    await assert.rejects(file.close(), { code: 'ENOSPC' });
    await using beside = await startMount({ source: mounted });
    const second = await files.open(path.join(beside.mountpoint, 'second'), 'w');
    await second.write('no room');
    await assert.rejects(second.close(), { code: 'ENOSPC' }, 'a mount on the host tells it too');
    fs.truncateSync(filler, 16 * 1024);
    const part = await files.open(path.join(mounted, 'part'), 'w');
    await part.write(Buffer.alloc(128 * 1024, 'x'));
    await assert.rejects(part.close(), { code: 'ENOSPC' }, 'there was room for a part');
    fs.rmSync(path.join(origin, 'part'));
    fs.rmSync(filler);
    await files.writeFile(path.join(shown, 'small'), 'there is room for this');
    assert.equal(fs.readFileSync(path.join(origin, 'small'), 'utf8'), 'there is room for this');
  } finally {
    await rig.cli('share', 'rm', 'full');
    await rig.client.call('removeMount', {}, { mountpoint: mounted });
    execFileSync('umount', ['-l', origin]);
  }
});
