import fs, { constants } from 'node:fs';
import path from 'node:path';
import { FIFO, makeNode, rename2, setXattr, tried } from './calls.ts';
import type { Check } from './suite.ts';

const LONG_AGO_S = 1_000_000_000;

type Act = (folder: string) => unknown;

const at = (folder: string, name = 'file') => path.join(folder, name);

/** Which times move, of the thing itself, of its folder and of another folder. */
const ACTS: readonly (readonly [name: string, act: Act])[] = [
  [
    'create',
    (folder) => fs.closeSync(fs.openSync(at(folder, 'new'), constants.O_CREAT | constants.O_WRONLY)),
  ],
  ['open', (folder) => fs.closeSync(fs.openSync(at(folder), constants.O_RDWR))],
  ['open or create', (folder) => fs.closeSync(fs.openSync(at(folder), constants.O_RDWR | constants.O_CREAT))],
  [
    'open and truncate',
    (folder) => fs.closeSync(fs.openSync(at(folder), constants.O_WRONLY | constants.O_TRUNC)),
  ],
  ['write', (folder) => fs.appendFileSync(at(folder), 'x')],
  ['write nothing', (folder) => fs.appendFileSync(at(folder), '')],
  ['truncate', (folder) => fs.truncateSync(at(folder), 2)],
  ['truncate to the same size', (folder) => fs.truncateSync(at(folder), 7)],
  ['chmod', (folder) => fs.chmodSync(at(folder), 0o600)],
  ['chown', (folder) => fs.chownSync(at(folder), process.geteuid!(), process.getegid!())],
  ['link', (folder) => fs.linkSync(at(folder), at(folder, 'new'))],
  ['link elsewhere', (folder) => fs.linkSync(at(folder), at(folder, 'other/new'))],
  ['remove', (folder) => fs.unlinkSync(at(folder, 'second'))],
  ['make a folder', (folder) => fs.mkdirSync(at(folder, 'new'))],
  ['remove a folder', (folder) => fs.rmdirSync(at(folder, 'empty'))],
  ['make a link', (folder) => fs.symlinkSync('x', at(folder, 'new'))],
  ['make a pipe', (folder) => makeNode(at(folder, 'new'), FIFO | 0o600)],
  ['rename', (folder) => rename2(at(folder, 'second'), at(folder, 'new'), 0)],
  ['move', (folder) => rename2(at(folder, 'second'), at(folder, 'other/new'), 0)],
  ['replace', (folder) => rename2(at(folder, 'second'), at(folder), 0)],
  ['set an attribute', (folder) => setXattr(at(folder), 'user.a', Buffer.from('x'), 0)],
  ['stat', (folder) => fs.statSync(at(folder))],
  ['read a link', (folder) => fs.readlinkSync(at(folder, 'link'))],
  ['set times', (folder) => fs.utimesSync(at(folder), 5, 6)],
  ['set times of a link', (folder) => fs.lutimesSync(at(folder, 'link'), 5, 6)],
];

const WATCHED = ['', 'file', 'other', 'link', 'empty'];

function timesOf(folder: string): Map<string, readonly bigint[]> {
  const times = new Map<string, readonly bigint[]>();
  for (const name of WATCHED)
    tried(() => {
      const { mtimeNs, ctimeNs } = fs.lstatSync(at(folder, name), { bigint: true });
      times.set(name, [mtimeNs, ctimeNs]);
    });
  return times;
}

/** Kernels keep times in steps of up to 10 ms. */
function waitForTheClock(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12);
}

export function timeChecks(): Check[] {
  const moved: Check[] = ACTS.map(([name, act]) => ({
    name: `times that move: ${name}`,
    expected: null,
    run: (folder) => {
      for (const file of ['file', 'second']) fs.writeFileSync(at(folder, file), 'content');
      for (const sub of ['other', 'empty']) fs.mkdirSync(at(folder, sub));
      fs.symlinkSync('x', at(folder, 'link'));
      for (const old of WATCHED) fs.lutimesSync(at(folder, old), LONG_AGO_S, LONG_AGO_S);
      const before = timesOf(folder);
      waitForTheClock();
      const outcome = tried(() => void act(folder));
      const after = timesOf(folder);
      const changes = WATCHED.map((one) => {
        const [mtime, ctime] = after.get(one) ?? [];
        const [oldMtime, oldCtime] = before.get(one) ?? [];
        return `${one || 'folder'}:${mtime === oldMtime ? '-' : 'm'}${ctime === oldCtime ? '-' : 'c'}`;
      });
      return `${outcome} ${changes.join(' ')}`;
    },
  }));
  const exact: Check[] = [0, 1, 1.5, 2 ** 31, 2 ** 32 + 0.25].map((seconds) => ({
    name: `a time of ${seconds} s`,
    expected: null,
    run: (folder) => {
      fs.utimesSync(folder, seconds, seconds);
      const { mtimeNs, atimeNs } = fs.statSync(folder, { bigint: true });
      return `${mtimeNs} ${atimeNs}`;
    },
  }));
  return [...moved, ...exact];
}
