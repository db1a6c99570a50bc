import fs, { constants } from 'node:fs';
import path from 'node:path';
import { tried } from './calls.ts';
import { type Actor, as, type Check, MEMBER, modeOf, OWNER, ROOT, STRANGER } from './suite.ts';

/** The mode that gives `bits` to one class of users, and exactly the others to the other two. */
function modeFor(actor: Actor, bits: number): number {
  const rest = 7 - bits;
  const shift = actor === OWNER ? 6 : actor === MEMBER ? 3 : 0;
  return (((rest << 6) | (rest << 3) | rest) & ~(7 << shift)) | (bits << shift);
}

type Act = (at: string) => unknown;

/** On a file: the bits it needs. */
const FILE_ACTS: readonly (readonly [name: string, needs: number, act: Act])[] = [
  ['open for reading', 4, (at) => void openAndClose(at, constants.O_RDONLY)],
  ['open for writing', 2, (at) => void openAndClose(at, constants.O_WRONLY)],
  ['open for both', 6, (at) => void openAndClose(at, constants.O_RDWR)],
  ['open and truncate', 2, (at) => void openAndClose(at, constants.O_WRONLY | constants.O_TRUNC)],
  // node:fs opens it for both first
  ['truncate', 6, (at) => fs.truncateSync(at, 1)],
];

/** In a folder with an entry `file`, an empty folder `sub`, and a file `../out` beside it. */
const FOLDER_ACTS: readonly (readonly [name: string, needs: number, act: Act])[] = [
  ['list', 4, (at) => void fs.readdirSync(at)],
  ['look at an entry', 1, (at) => void fs.lstatSync(path.join(at, 'file'))],
  ['open an entry', 1, (at) => void openAndClose(path.join(at, 'file'), constants.O_RDONLY)],
  ['create', 3, (at) => void openAndClose(path.join(at, 'new'), constants.O_CREAT | constants.O_WRONLY)],
  ['make a folder', 3, (at) => fs.mkdirSync(path.join(at, 'new'))],
  ['make a link', 3, (at) => fs.symlinkSync('x', path.join(at, 'new'))],
  ['make a hard link', 3, (at) => fs.linkSync(path.join(at, '../out'), path.join(at, 'new'))],
  ['remove a file', 3, (at) => fs.unlinkSync(path.join(at, 'file'))],
  ['remove a folder', 3, (at) => fs.rmdirSync(path.join(at, 'sub'))],
  ['rename', 3, (at) => fs.renameSync(path.join(at, 'file'), path.join(at, 'new'))],
  ['move out', 3, (at) => fs.renameSync(path.join(at, 'file'), path.join(at, '../moved'))],
  ['move in', 3, (at) => fs.renameSync(path.join(at, '../out'), path.join(at, 'new'))],
];

function openAndClose(at: string, flags: number): void {
  fs.closeSync(fs.openSync(at, flags, 0o644));
}

function permissionChecks(): Check[] {
  const checks: Check[] = [];
  for (const actor of [OWNER, MEMBER, STRANGER])
    for (let bits = 0; bits < 8; bits += 1) {
      const mode = modeFor(actor, bits);
      const check = (
        what: string,
        [name, needs, act]: readonly [string, number, Act],
        make: (at: string) => void,
      ) =>
        checks.push({
          name: `${actor.name}, ${what} with ${bits} for them and ${mode.toString(8)} in all: ${name}`,
          expected: (bits & needs) === needs ? 'ok' : 'EACCES',
          run: (folder) => {
            const at = path.join(folder, 'at');
            fs.chmodSync(folder, 0o777);
            make(at);
            fs.chownSync(at, OWNER.userId, OWNER.groupId);
            fs.chmodSync(at, mode);
            return as(actor, () => tried(() => act(at)));
          },
        });
      for (const act of FILE_ACTS) check('file', act, (at) => fs.writeFileSync(at, 'content'));
      for (const act of FOLDER_ACTS)
        check('folder', act, (at) => {
          fs.mkdirSync(at);
          fs.writeFileSync(path.join(at, 'file'), '');
          fs.mkdirSync(path.join(at, 'sub'));
          fs.writeFileSync(path.join(at, '../out'), '');
          fs.chmodSync(path.join(at, '../out'), 0o666);
        });
    }
  return checks;
}

const STICKY_ACTS: readonly (readonly [name: string, act: Act])[] = [
  ['remove', (at) => fs.unlinkSync(path.join(at, 'file'))],
  ['rename', (at) => fs.renameSync(path.join(at, 'file'), path.join(at, 'new'))],
  ['replace', (at) => fs.renameSync(path.join(at, 'own'), path.join(at, 'file'))],
];

function stickyChecks(): Check[] {
  const checks: Check[] = [];
  for (const folderOwner of [ROOT, OWNER, MEMBER])
    for (const fileOwner of [ROOT, OWNER, STRANGER])
      for (const actor of [OWNER, MEMBER, STRANGER])
        for (const [name, act] of STICKY_ACTS)
          checks.push({
            name: `${actor.name}: ${name} a file of ${fileOwner.name} in a sticky folder of ${folderOwner.name}`,
            expected: actor === folderOwner || actor === fileOwner ? 'ok' : 'EPERM',
            run: (folder) => {
              const at = path.join(folder, 'at');
              fs.mkdirSync(at);
              for (const [file, { userId, groupId }] of [
                ['file', fileOwner],
                ['own', actor],
              ] as const) {
                fs.writeFileSync(path.join(at, file), '');
                fs.chownSync(path.join(at, file), userId, groupId);
              }
              fs.chownSync(at, folderOwner.userId, folderOwner.groupId);
              fs.chmodSync(at, 0o1777);
              return as(actor, () => tried(() => act(at)));
            },
          });
  return checks;
}

const SET_ACTS: readonly (readonly [name: string, act: Act])[] = [
  ['write', (at) => fs.appendFileSync(at, 'more')],
  ['truncate', (at) => fs.truncateSync(at, 3)],
  ['open and truncate', (at) => openAndClose(at, constants.O_WRONLY | constants.O_TRUNC)],
  ['read', (at) => void fs.readFileSync(at)],
  ['chmod to 600', (at) => fs.chmodSync(at, 0o600)],
  ['chmod to 2775', (at) => fs.chmodSync(at, 0o2775)],
  ['chmod to 6777', (at) => fs.chmodSync(at, 0o6777)],
  ['chown to itself', (at) => fs.chownSync(at, OWNER.userId, OWNER.groupId)],
  ['chown to the stranger', (at) => fs.chownSync(at, STRANGER.userId, OWNER.groupId)],
  ['chgrp to the stranger', (at) => fs.chownSync(at, OWNER.userId, STRANGER.groupId)],
  ['set times', (at) => fs.utimesSync(at, 1, 2)],
];

/** What becomes of setuid and setgid, and who may set attributes. */
export function setIdChecks(): Check[] {
  const checks: Check[] = [];
  for (const actor of [ROOT, OWNER, MEMBER, STRANGER])
    for (const mode of [0o4777, 0o2777, 0o6777, 0o2767, 0o1777, 0o666])
      for (const kind of ['file', 'folder'] as const)
        for (const [name, act] of SET_ACTS) {
          if (kind === 'folder' && /write|read|truncate/.test(name)) continue;
          checks.push({
            name: `${actor.name}: ${name} of a ${kind} of mode ${mode.toString(8)}`,
            expected: null,
            run: (folder) => {
              const at = path.join(folder, 'at');
              if (kind === 'file') fs.writeFileSync(at, 'content');
              else fs.mkdirSync(at);
              fs.chownSync(at, OWNER.userId, OWNER.groupId);
              fs.chmodSync(at, mode);
              const outcome = as(actor, () => tried(() => act(at)));
              const { uid, gid } = fs.lstatSync(at);
              return `${outcome}, then ${modeOf(at)} ${uid}:${gid}`;
            },
          });
        }
  return checks;
}

/** Whose is what somebody makes, also in folders that pass on their group. */
function ownerChecks(): Check[] {
  const checks: Check[] = [];
  const makers: readonly (readonly [string, Act])[] = [
    ['file', (at) => openAndClose(at, constants.O_CREAT | constants.O_WRONLY)],
    ['folder', (at) => fs.mkdirSync(at, 0o2775)],
    ['link', (at) => fs.symlinkSync('x', at)],
  ];
  for (const actor of [ROOT, OWNER, MEMBER, STRANGER])
    for (const mode of [0o777, 0o2777])
      for (const [name, make] of makers)
        checks.push({
          name: `${actor.name} makes a ${name} in a folder of mode ${mode.toString(8)}`,
          expected: null,
          run: (folder) => {
            fs.chownSync(folder, OWNER.userId, OWNER.groupId);
            fs.chmodSync(folder, mode);
            const at = path.join(folder, 'new');
            const outcome = as(actor, () => tried(() => make(at)));
            const { uid, gid } = fs.lstatSync(at);
            return `${outcome}: ${uid}:${gid} ${modeOf(at)}`;
          },
        });
  return checks;
}

/** For a process of root, as the others here. */
export function rightsChecks(): Check[] {
  return [...permissionChecks(), ...stickyChecks(), ...ownerChecks()];
}
