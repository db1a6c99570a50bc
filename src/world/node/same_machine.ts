import { closeSync, constants, openSync, readFileSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { concat, equalBytes } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { hashBytes } from '../../base/hash.ts';
import type { Random } from '../clock.ts';
import type { Dir, Disk } from '../disk.ts';
import {
  type MachineProof,
  type Meeting,
  PROOF_SECRET_BYTES,
  type SameMachine,
  type ShownProof,
} from '../same_machine.ts';
import { NodeDir } from './dir.ts';
import type { LentHandle } from './handle_refs.ts';
import { bindLibc } from './libc.ts';

const MFD_CLOEXEC = 1;
/** Lines of /proc/PID/status that decide what a process may read. */
const CREDENTIALS = ['Uid', 'Gid', 'Groups', 'CapEff', 'NoNewPrivs', 'Seccomp'];
/** Whose numbers of users these are, and the label that a security module goes by, where there is one. */
const CONFINEMENT = ['ns/user', 'attr/current'];

interface Calls {
  memfd_create(name: string, flags: number): number;
}

let libc: ReturnType<typeof bindLibc<Calls>> | undefined;

/** By memfd_create(2) and proc(5); null where the platform has neither. */
export function createSameMachine(random: Random, disk: Disk): SameMachine | null {
  if (process.platform !== 'linux') return null;
  return {
    show: (folders, about) => show(folders, about, random),
    meet: (proof, about) => meet(proof, about, disk),
  };
}

function show(folders: readonly Dir[], about: Uint8Array, random: Random): ShownProof | null {
  libc ??= bindLibc<Calls>({ memfd_create: { return: 'i32', arguments: ['string', 'u32'] } });
  if (libc === null || !folders.every((folder) => folder instanceof NodeDir)) return null;
  const { functions, check } = libc;
  const lent: LentHandle[] = [];
  let secretFd = -1;
  try {
    for (const folder of folders) lent.push(folder.lend());
    const secret = random.bytes(PROOF_SECRET_BYTES);
    secretFd = check('memfd_create', functions.memfd_create('causeway-proof', MFD_CLOEXEC));
    const proof = { processId: process.pid, secretFd, secret, folderFds: lent.map(({ fd }) => fd) };
    writeSync(secretFd, markOf(proof, about));
    return shown(proof, lent);
  } catch {
    if (secretFd >= 0) closeSync(secretFd);
    for (const handle of lent) handle.giveBack();
    return null; // a system without such memory, or out of descriptors: the copy goes another way
  }
}

function shown(proof: MachineProof, lent: readonly LentHandle[]): ShownProof {
  let isOver = false;
  return {
    proof,
    [Symbol.dispose]: () => {
      if (isOver) return;
      isOver = true;
      closeSync(proof.secretFd);
      for (const handle of lent) handle.giveBack();
    },
  };
}

async function meet(proof: MachineProof, about: Uint8Array, disk: Disk): Promise<Meeting> {
  const process = `/proc/${proof.processId}`;
  const mark = markOf(proof, about);
  const theirs = rightsOf(process);
  if (theirs === null)
    return not('no such process can be seen here: the other side is another machine, or apart');
  if (theirs !== rightsOf('/proc/self')) return not('the two sides may not read the same');
  if (!(await holdsMark(process, proof, mark))) return not('the other side is on another machine');
  const folders: Dir[] = [];
  const refuse = async (why: string) => {
    for (const folder of folders) await folder.close();
    return not(why);
  };
  try {
    for (const fd of proof.folderFds) folders.push(await disk.openRoot(`${process}/fd/${fd}`));
  } catch (failure) {
    return refuse(`its folders cannot be opened: ${asCausewayError(failure).message}`);
  }
  // the number of a process that has ended is used again: it is still the same one
  if (!(await holdsMark(process, proof, mark))) return refuse('the other side has ended');
  return { kind: 'met', folders };
}

/** What the memory of the process holds: only it can be seen to hold that, and for nothing else. */
function markOf({ secret, folderFds }: MachineProof, about: Uint8Array): Uint8Array {
  return hashBytes(concat([secret, new Uint8Array(Uint32Array.from(folderFds).buffer), about]));
}

function not(why: string): Meeting {
  return { kind: 'not', why };
}

/** What decides what a process may read, as text to compare; null where it cannot be seen. */
function rightsOf(process: string): string | null {
  try {
    const status = readFileSync(`${process}/status`, 'latin1').split('\n');
    const lines = CREDENTIALS.map((name) => status.find((line) => line.startsWith(`${name}:`)) ?? name);
    return [...lines, ...CONFINEMENT.map((name) => textAt(`${process}/${name}`))].join('\n');
  } catch {
    return null;
  }
}

/** A link or a file of proc; empty where this system has none, or does not show it. */
function textAt(path: string): string {
  try {
    return path.includes('/ns/') ? readlinkSync(path) : readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

async function holdsMark(process: string, { secretFd }: MachineProof, mark: Uint8Array): Promise<boolean> {
  const path = `${process}/fd/${secretFd}`;
  let fd = -1;
  try {
    const found = await stat(path);
    if (!found.isFile() || found.size !== mark.byteLength) return false;
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const bytes = new Uint8Array(mark.byteLength);
    return readSync(fd, bytes, 0, bytes.byteLength, 0) === bytes.byteLength && equalBytes(bytes, mark);
  } catch {
    return false; // it is not there, or must not be looked at
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
