import fs, { constants } from 'node:fs';
import path from 'node:path';
import { FIFO, makeNode, type Outcome, opened, rename2, tried } from './calls.ts';
import { type Check, modeOf } from './suite.ts';

const NEW = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;

/** Every call that takes a path, for paths that lead nowhere. */
const CALLS: readonly (readonly [name: string, call: (at: string, own: string) => Outcome])[] = [
  ['open', (at) => opened(at, constants.O_RDONLY)],
  ['create', (at) => opened(at, NEW)],
  ['make a folder', (at) => tried(() => fs.mkdirSync(at))],
  ['make a pipe', (at) => makeNode(at, FIFO | 0o600)],
  ['make a link', (at) => tried(() => fs.symlinkSync('x', at))],
  ['link from', (at, own) => tried(() => fs.linkSync(at, own))],
  ['link to', (at, own) => tried(() => fs.linkSync(path.join(path.dirname(own), 'file'), at))],
  ['rename from', (at, own) => rename2(at, own, 0)],
  ['rename to', (at, own) => rename2(path.join(path.dirname(own), 'file'), at, 0)],
  ['remove', (at) => tried(() => fs.unlinkSync(at))],
  ['remove a folder', (at) => tried(() => fs.rmdirSync(at))],
  ['stat', (at) => tried(() => void fs.statSync(at))],
  ['lstat', (at) => tried(() => void fs.lstatSync(at))],
  ['read a link', (at) => tried(() => fs.readlinkSync(at))],
  ['list', (at) => tried(() => fs.readdirSync(at).length)],
  ['chmod', (at) => tried(() => fs.chmodSync(at, 0o700))],
  ['chown', (at) => tried(() => fs.chownSync(at, process.geteuid!(), process.getegid!()))],
  ['truncate', (at) => tried(() => fs.truncateSync(at, 0))],
  ['set times', (at) => tried(() => fs.utimesSync(at, 1, 1))],
  ['access', (at) => tried(() => fs.accessSync(at))],
];

const WAYS: readonly (readonly [name: string, of: (folder: string) => string, expected: string])[] = [
  ['through a folder that is missing', (folder) => `${folder}/missing/x`, 'ENOENT'],
  ['through a file', (folder) => `${folder}/file/x`, 'ENOTDIR'],
  ['through links in a circle', (folder) => `${folder}/loop/x`, 'ELOOP'],
  ['through a link that leads nowhere', (folder) => `${folder}/dangling/x`, 'ENOENT'],
  ['with a name of 256 bytes', (folder) => `${folder}/${'n'.repeat(256)}`, 'ENAMETOOLONG'],
  ['through a name of 256 bytes', (folder) => `${folder}/${'n'.repeat(256)}/x`, 'ENAMETOOLONG'],
  ['with a path of 4,096 bytes', (folder) => folder + '/.'.repeat(2_100), 'ENAMETOOLONG'],
];

function wayChecks(): Check[] {
  return WAYS.flatMap(([way, of, expected]) =>
    CALLS.map(([name, call]) => ({
      name: `${name} ${way}`,
      expected,
      run: (folder: string) => {
        fs.writeFileSync(path.join(folder, 'file'), '');
        fs.symlinkSync('loop', path.join(folder, 'loop'));
        fs.symlinkSync('nowhere', path.join(folder, 'dangling'));
        return call(of(folder), path.join(folder, 'own'));
      },
    })),
  );
}

/** The whole life of a file and a folder of that name. */
function lifeOf(folder: string, name: Buffer): Outcome {
  const at = Buffer.concat([Buffer.from(`${folder}/`), name]);
  const moved = Buffer.concat([at.subarray(0, -name.length), Buffer.from('m'), name.subarray(1)]);
  return tried(() => {
    fs.writeFileSync(at, 'content');
    const listed = fs.readdirSync(Buffer.from(folder), { encoding: 'buffer' });
    if (listed.length !== 1 || !listed[0]?.equals(name)) return `listed as ${listed.map(String)}`;
    if (fs.readFileSync(at, 'utf8') !== 'content') return 'other content';
    if (name[0] !== 0x6d) {
      fs.renameSync(at, moved);
      fs.renameSync(moved, at);
    }
    fs.unlinkSync(at);
    fs.mkdirSync(at);
    fs.rmdirSync(at);
    fs.symlinkSync(name, at);
    if (!fs.readlinkSync(at, { encoding: 'buffer' }).equals(name)) return 'other target';
    fs.unlinkSync(at);
    return undefined;
  });
}

function nameChecks(): Check[] {
  const checks: Check[] = [];
  for (let byte = 1; byte < 256; byte += 1) {
    if (byte === 0x2f) continue;
    const name = Buffer.from([0x61, byte, 0x62]);
    checks.push({
      name: `a name with the byte ${byte}`,
      expected: 'ok',
      run: (folder) => lifeOf(folder, name),
    });
  }
  for (let length = 1; length < 257; length += 1)
    checks.push({
      name: `a name of ${length} bytes`,
      expected: length < 256 ? 'ok' : 'ENAMETOOLONG',
      run: (folder) => lifeOf(folder, Buffer.alloc(length, 'n')),
    });
  return checks;
}

/** Modes of new things, less what the umask takes. */
function umaskChecks(): Check[] {
  const makers: readonly (readonly [string, number, (at: string, mode: number) => unknown])[] = [
    ['file', 0o7777, (at, mode) => fs.closeSync(fs.openSync(at, NEW, mode))],
    ['folder', 0o1777, (at, mode) => fs.mkdirSync(at, mode)],
    ['pipe', 0o7777, (at, mode) => makeNode(at, FIFO | mode)],
  ];
  const modes = [
    0, 0o1, 0o111, 0o222, 0o400, 0o444, 0o600, 0o640, 0o644, 0o700, 0o755, 0o777, 0o1777, 0o2755, 0o4755,
    0o6777,
  ];
  const checks: Check[] = [];
  for (const [kind, kept, make] of makers)
    for (const mode of modes)
      for (const umask of [0, 0o2, 0o22, 0o27, 0o77, 0o111, 0o277, 0o777])
        checks.push({
          name: `a new ${kind} of mode ${mode.toString(8)} with umask ${umask.toString(8)}`,
          expected: (mode & kept & ~umask).toString(8),
          run: (folder) => {
            const at = path.join(folder, 'new');
            const before = process.umask(umask);
            try {
              make(at, mode);
            } finally {
              process.umask(before);
            }
            return modeOf(at);
          },
        });
  return checks;
}

/** For any process. */
export function nameAndModeChecks(): Check[] {
  return [...wayChecks(), ...nameChecks(), ...umaskChecks()];
}
