import fs, { constants } from 'node:fs';
import path from 'node:path';
import { EXCHANGE, FIFO, makeNode, NOREPLACE, type Outcome, opened, rename2, tried } from './calls.ts';
import { type Check, KINDS, type Kind, kindAt, put } from './suite.ts';

const pipe = (at: string) => makeNode(at, FIFO | 0o644);

const O = constants;

/** Every call on every kind of thing. */
const CALLS: readonly (readonly [name: string, call: (at: string) => Outcome])[] = [
  ['open to read', (at) => opened(at, O.O_RDONLY | O.O_NONBLOCK)],
  ['open to write', (at) => opened(at, O.O_WRONLY | O.O_NONBLOCK)],
  ['open for both', (at) => opened(at, O.O_RDWR | O.O_NONBLOCK)],
  ['open or create', (at) => opened(at, O.O_WRONLY | O.O_CREAT | O.O_NONBLOCK)],
  ['create', (at) => opened(at, O.O_WRONLY | O.O_CREAT | O.O_EXCL)],
  ['open and truncate', (at) => opened(at, O.O_WRONLY | O.O_TRUNC | O.O_NONBLOCK)],
  ['open a folder', (at) => opened(at, O.O_RDONLY | O.O_DIRECTORY)],
  ['open no link', (at) => opened(at, O.O_RDONLY | O.O_NOFOLLOW | O.O_NONBLOCK)],
  ['open to append', (at) => opened(at, O.O_WRONLY | O.O_APPEND | O.O_NONBLOCK)],
  [
    'read',
    (at) => opened(at, O.O_RDONLY | O.O_NONBLOCK, (fd) => fs.readSync(fd, Buffer.alloc(100), 0, 100, 0)),
  ],
  ['list', (at) => tried(() => fs.readdirSync(at).join())],
  ['stat', (at) => tried(() => `${fs.statSync(at).mode} ${fs.statSync(at).nlink}`)],
  ['lstat', (at) => tried(() => `${fs.lstatSync(at).mode} ${fs.lstatSync(at).nlink}`)],
  ['read the link', (at) => tried(() => fs.readlinkSync(at))],
  ['access', (at) => tried(() => fs.accessSync(at, O.R_OK | O.W_OK))],
  ['access to run', (at) => tried(() => fs.accessSync(at, O.X_OK))],
  ['make a folder', (at) => tried(() => fs.mkdirSync(at))],
  ['make a pipe', (at) => makeNode(at, FIFO | 0o600)],
  ['make a link', (at) => tried(() => fs.symlinkSync('x', at))],
  ['link it', (at) => tried(() => fs.linkSync(at, `${at}.new`))],
  ['remove', (at) => tried(() => fs.unlinkSync(at))],
  ['remove a folder', (at) => tried(() => fs.rmdirSync(at))],
  ['chmod', (at) => tried(() => fs.chmodSync(at, 0o700))],
  ['chown', (at) => tried(() => fs.chownSync(at, process.geteuid!(), process.getegid!()))],
  ['lchown', (at) => tried(() => fs.lchownSync(at, process.geteuid!(), process.getegid!()))],
  ['truncate', (at) => tried(() => fs.truncateSync(at, 2))],
  ['set times', (at) => tried(() => fs.utimesSync(at, 100, 200))],
  ['set times of a link', (at) => tried(() => fs.lutimesSync(at, 100, 200))],
  ['statfs', (at) => tried(() => fs.statfsSync(at).bsize)],
];

/** Ways to call what is there. */
const FORMS: readonly (readonly [name: string, of: (at: string) => string])[] = [
  ['as it is', (at) => at],
  ['with a slash', (at) => `${at}/`],
  ['with a dot behind', (at) => `${at}/.`],
  ['by a way up', (at) => `${path.dirname(at)}/../${path.basename(path.dirname(at))}/${path.basename(at)}`],
];

function callChecks(): Check[] {
  const checks: Check[] = [];
  for (const kind of KINDS)
    for (const [form, of] of FORMS)
      for (const [name, call] of CALLS)
        checks.push({
          name: `${name}: ${kind}, ${form}`,
          expected: null,
          run: (folder) => {
            const at = path.join(folder, 'at');
            put(at, kind, pipe);
            const outcome = call(of(at));
            return `${outcome}; ${kindAt(at)}; ${fs.readdirSync(folder).sort().join()}`;
          },
        });
  return checks;
}

const FLAGS = [
  ['rename', 0],
  ['rename, not over anything', NOREPLACE],
  ['exchange', EXCHANGE],
] as const;

function expectedRename(from: Kind, to: Kind, flags: number): string | null {
  if (from === 'missing') return 'ENOENT';
  if (flags === EXCHANGE) return to === 'missing' ? 'ENOENT' : 'ok';
  if (to === 'missing') return 'ok';
  if (flags === NOREPLACE) return 'EEXIST';
  const isFolder = (kind: Kind) => kind === 'folder' || kind === 'full folder';
  if (isFolder(from) && !isFolder(to)) return 'ENOTDIR';
  if (!isFolder(from) && isFolder(to)) return 'EISDIR';
  return to === 'full folder' ? 'ENOTEMPTY' : 'ok';
}

function renameChecks(): Check[] {
  const checks: Check[] = [];
  for (const from of KINDS)
    for (const to of KINDS)
      for (const [name, flags] of FLAGS)
        for (const where of ['', 'other/']) {
          const outcome = expectedRename(from, to, flags);
          checks.push({
            name: `${name}: ${from} to ${to}${where === '' ? '' : ' in another folder'}`,
            expected: outcome,
            run: (folder) => {
              const at = path.join(folder, 'from');
              const toAt = path.join(folder, `${where}to`);
              fs.mkdirSync(path.join(folder, 'other'));
              put(at, from, pipe);
              put(toAt, to, pipe);
              const [before, toBefore] = [kindAt(at), kindAt(toAt)];
              const result = rename2(at, toAt, flags);
              const after =
                result !== 'ok'
                  ? [before, toBefore]
                  : flags === EXCHANGE
                    ? [toBefore, before]
                    : ['nothing', before];
              const seen = [kindAt(at), kindAt(toAt)];
              return `${seen}` === `${after}` ? result : `${result}, but there is ${seen.join(' and ')}`;
            },
          });
        }
  return checks;
}

/** For any process. */
export function kindChecks(): Check[] {
  return [...callChecks(), ...renameChecks()];
}
