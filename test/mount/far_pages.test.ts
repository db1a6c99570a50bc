// A large folder of a mount over the link, listed with attributes while it changes.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { startFarMount } from './far_rig.ts';
import { skip } from './rig.ts';

/** More than fit into five pages of a kernel. */
const FILES = 1_200;
const LISTS = 6;

/** Names and sizes. */
const listed = (output: string): string[] =>
  output.split('\n').flatMap((line) => {
    const [, , , , size, , , , name] = line.split(/ +/);
    return name === undefined ? [] : [`${name} ${size}`];
  });
const list = (at: string) => listed(execFileSync('ls', ['-ln', at], { encoding: 'utf8' }));

describe('a large folder of a machine that is mounted on the host', { skip }, () => {
  it('is listed as it is, also when it has just changed, and while it does', async () => {
    await using far = await startFarMount();
    const [source, mountpoint] = [path.join(far.source, 'many'), path.join(far.mountpoint, 'many')];
    fs.mkdirSync(source);
    for (let index = 0; index < FILES; index += 1)
      fs.writeFileSync(path.join(source, `file-${index}`), 'x'.repeat(index % 97));
    assert.deepEqual(list(mountpoint), list(source));
    for (let turn = 0; turn < LISTS; turn += 1) {
      // what is removed between its name and the look at it has it end with an error
      const listing = promisify(execFile)('ls', ['-ln', mountpoint], { encoding: 'utf8' }).catch(
        (failure: { readonly stdout: string }) => failure,
      );
      // through the mount: what it has listed ahead is not what there is any more
      for (let index = turn; index < FILES; index += 97) {
        fs.appendFileSync(path.join(mountpoint, `file-${index}`), 'longer');
        fs.rmSync(path.join(mountpoint, `file-${index + 11}`), { force: true });
        fs.writeFileSync(path.join(mountpoint, `more-${turn}-${index}`), 'new');
      }
      const names = new Set(listed((await listing).stdout).map((line) => line.split(' ')[0]));
      for (let index = 0; index + 50 < FILES; index += 97)
        assert.ok(names.has(`file-${index + 50}`), `file-${index + 50} was there all the time`);
      assert.deepEqual(list(mountpoint), list(source), `after turn ${turn}`);
    }
  });
});
