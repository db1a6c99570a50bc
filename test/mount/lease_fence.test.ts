// A machine that stands still holds nobody up for longer than a lease may take to be let go of, and what it writes afterwards is
// refused. A daemon that serves a folder of the host, and agents of two machines that show it.
import assert from 'node:assert/strict';
import fs, { promises as files } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { ERRNO } from '../../src/share/fuse/protocol.ts';
import { Rig, until } from '../interop/rig.ts';
import { skip } from './rig.ts';

const DEADLINE_MS = 60_000;
const SETTLED_MS = LIMITS.cacheSettledMs.value + 100;

it('a machine that stands still is waited for, and not for ever', { skip }, async (test) => {
  await using rig = await Rig.start();
  await rig.waitUp();
  const still = await rig.addMachine('still');
  const source = path.join(rig.hostFiles, 'data');
  const places = [path.join(rig.guestFiles, 'one'), path.join(still.files, 'other')] as const;
  fs.mkdirSync(path.join(source, 'all'), { recursive: true });
  for (const name of ['read', 'written']) fs.writeFileSync(path.join(source, 'all', name), 'before');
  for (const [number, vm] of ['vm', 'still'].entries()) {
    const folder = number === 0 ? source : path.join(source, 'all');
    const place = `${vm}:${places[number]}`;
    const cache = ['--mount-cache', '64M', '--as-root', '--name', `share-${number}`];
    const made = await rig.cli('share', 'create', folder, '--mount', place, ...cache);
    assert.equal(made.code, 0, made.err);
  }
  const one = (name: string) => path.join(places[0], 'all', name);
  const other = (name: string) => path.join(places[1], name);
  const isOld = async () =>
    Date.now() - fs.statSync(path.join(source, 'all/read')).ctimeMs > SETTLED_MS ? true : null;
  await until('the files are old enough', DEADLINE_MS, isOld);
  assert.equal(await files.readFile(other('read'), 'utf8'), 'before');
  const open = await files.open(other('written'), 'r+');
  try {
    await open.write('mine  ', 0);
    await open.sync();
    still.agent.child.kill('SIGSTOP');
    const start = performance.now();
    await Promise.all(['read', 'written'].map((name) => files.writeFile(one(name), 'theirs')));
    test.diagnostic(
      `two files of a machine that stands still were written after ${Math.round(performance.now() - start)} ms`,
    );
    still.agent.child.kill('SIGCONT');
    assert.equal(await files.readFile(other('read'), 'utf8'), 'theirs', 'what was told meanwhile counts');
    const late = open.write('late  ', 0).then(() => open.sync());
    await assert.rejects(late, { errno: -ERRNO.ESTALE });
    assert.equal(fs.readFileSync(path.join(source, 'all/written'), 'utf8'), 'theirs');
    await files.writeFile(other('written'), 'again!');
    assert.equal(await files.readFile(one('written'), 'utf8'), 'again!', 'who opens it anew may write');
  } finally {
    still.agent.child.kill('SIGCONT');
    await open.close().catch(() => undefined); // it tells of the write that was refused
    for (const number of [0, 1]) await rig.cli('share', 'rm', `share-${number}`);
  }
});
