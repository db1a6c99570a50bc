// Requests as another machine may send them, well-formed, damaged and random, to the server of a real folder beside which
// lies what nobody may reach. SEED=N repeats a run, FRAMES=N makes it longer (200,000 for the long form).
import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { LeaseWords } from '../../src/share/fuse/lease_words.ts';
import { NOTICE_FOLDER, OP, OP_LEASE, ROOT_ID } from '../../src/share/fuse/protocol.ts';
import { FuseServer } from '../../src/share/fuse/server.ts';
import { PLACE } from '../../src/share/fuse/state.ts';
import { QuotaClerk } from '../../src/tree/files/quota_clerk.ts';
import { QuotaLedger } from '../../src/tree/files/quota_ledger.ts';
import type { LeaseTold } from '../../src/world/mounts.ts';
import { openFolderEvents } from '../../src/world/node/folder_events.ts';
import { createPosix } from '../../src/world/node/posix_calls.ts';
import type { Posix } from '../../src/world/posix.ts';
import { chanceOf } from './chance.ts';

const FRAMES = Number(process.env['FRAMES'] ?? 12_000);
const ROUND_FRAMES = 4_000;
const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const O_PATH = 0o10000000;
const HEADER_BYTES = 40;
const ERRNO_MAX = 133;
/** What is really allocated or copied stays small; everything else of a request may be anything. */
const ALLOCATED_MAX = 0xffff;
const OWNER = { userId: 4_711, groupId: 4_712 };

const NAMES = [
  'a', 'b', 'c', 'folder', 'file', '.causeway', '.Causeway', 'link-out', 'link-up', 'link-file', 'pipe',
  '..', '.', '', '/', '/etc/passwd', '../outside', '../outside/secret', 'a/../..', 'x'.repeat(255), 'x'.repeat(256),
  '\u00ff\u00fe', 'outside', 'user.mine', 'trusted.x', 'security.capability', 'system.posix_acl_access',
] as const; // biome-ignore format: a list of names
const NUMBERS = [
  0, 1, 2, 3, 4, 7, 8, 255, 4_095, 4_096, 65_536, 1_048_576, 0x7fffffff, 0x80000000, 0xffffffff,
];

/** Whose answers tell the owner of a file. */
const WITH_OWNER: ReadonlySet<number> = new Set([
  OP.lookup,
  OP.getattr,
  OP.setattr,
  OP.mkdir,
  OP.mknod,
  OP.symlink,
  OP.link,
  OP.create,
]);

class Hostile {
  readonly #chance: (below: number) => number;
  readonly #posix: Posix;
  readonly server: FuseServer;
  readonly #nodes: number[] = [ROOT_ID];
  readonly #handles: number[] = [0];
  /** What the server says of leases, and has not heard of yet. */
  readonly #told: LeaseTold[] = [];
  #unique = 0;
  #opcode = 0;
  done = 0;
  answers = 0;
  successes = 0;

  constructor(posix: Posix, folder: string, chance: (below: number) => number, quota: QuotaClerk | null) {
    this.#chance = chance;
    this.#posix = posix;
    const rootFd = posix.names.openPath(folder, O_PATH);
    const events = openFolderEvents();
    assert.ok(events !== null);
    const side = { sync: () => undefined, forgetName: () => undefined };
    const seat = { words: LeaseWords.memory(), gives: true };
    const words = new LeaseWords(seat.words);
    for (let slot = 0; slot < LIMITS.leaseSlots.value; slot += 1)
      if (chance(4) === 0) words.addLease(slot, 1);
    const options = {
      readOnly: false,
      far: { shownOwner: OWNER, idBase: 2, changes: { events, nowMs: () => this.done }, tellsFolders: true },
      times: { namesMs: 1_000, attrsMs: 1_000 },
      backing: null,
      quota,
      recorder: null,
      side,
      leases: {
        seat,
        tell: (told: LeaseTold) => void this.#told.push(told),
        wallMs: () => Date.now() + 10_000,
      },
      nodesMax: 50,
    };
    this.server = new FuseServer(posix, rootFd, options, {
      place: () => PLACE.answer,
      send: (at, sizeBytes) => this.#look(at, sizeBytes),
    });
    this.server.begin({ hasLongSetxattr: true });
  }

  step(): void {
    const frame = this.#chance(20) === 0 ? this.#random() : this.#request();
    if (this.#chance(4) === 0) this.#damage(frame);
    this.#bound(frame);
    frame.copy(this.#posix.memory.bytes, PLACE.request);
    this.server.serve(PLACE.request, this.#chance(50) === 0 ? this.#chance(frame.length + 9) : frame.length);
    this.done += 1;
    if (this.#chance(10) === 0) this.#leases();
    if (this.done % 100 === 0) this.#hear();
  }

  /** Whoever keeps the leases gives what is wished for, and hinders nobody for long. */
  #leases(): void {
    const { leases } = this.server;
    for (const told of this.#told.splice(0)) {
      if (told.kind === 'ask')
        this.server.answerGiven(told.question, { kinds: told.kinds, epoch: this.done + 1 });
      else if (told.kind === 'kept') leases?.fenced(told.file, told.epoch);
      if (told.kind !== 'claim') continue;
      const frame = leases?.takeWaiting(told.claim);
      frame?.copy(this.#posix.memory.bytes, PLACE.request);
      this.#opcode = frame?.readUInt32LE(4) ?? 0;
      if (frame) this.server.serve(PLACE.request, frame.byteLength, true);
      leases?.settled(told.claim);
    }
  }

  /** What it is told of is known to it, by its id. */
  #hear(): void {
    const { watching } = this.server;
    watching?.collect();
    const told = watching?.outdated.take() ?? [];
    for (const notice of told) assert.ok((notice.kind === 'inode' ? notice.id : notice.parentId) >= ROOT_ID);
    watching?.outdated.told(told.length);
    if (this.#chance(20) === 0) watching?.outdated.startOver();
  }

  #look(at: number, sizeBytes: number): void {
    const { view } = this.#posix.memory;
    this.answers += 1;
    assert.equal(view.getUint32(at, true), sizeBytes);
    const error = view.getInt32(at + 4, true);
    if (error === NOTICE_FOLDER) return assert.equal(view.getBigUint64(at + 8, true), 0n);
    assert.ok(error <= 0 && error >= -ERRNO_MAX, `error ${error} to ${this.#opcode}`);
    assert.ok(error === 0 || sizeBytes === 16);
    if (error !== 0) return;
    this.successes += 1;
    const isEntry = sizeBytes === 16 + 128 || sizeBytes === 16 + 144;
    if (isEntry) this.#keep(this.#nodes, view.getUint32(at + 16, true));
    if (WITH_OWNER.has(this.#opcode)) {
      const attrAt = at + 16 + (isEntry ? 40 : 16);
      assert.equal(view.getUint32(attrAt + 68, true), OWNER.userId);
      assert.equal(view.getUint32(attrAt + 72, true), OWNER.groupId);
    }
    if (sizeBytes === 32) this.#keep(this.#handles, view.getUint32(at + 16, true));
    if (sizeBytes === 16 + 144) this.#keep(this.#handles, view.getUint32(at + 16 + 128, true));
  }

  #keep(known: number[], value: number): void {
    if (known.length < 60) known.push(value);
    else known[this.#chance(known.length)] = value;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#chance(from.length)] as T;
  }

  #random(): Buffer {
    const frame = Buffer.alloc(HEADER_BYTES + this.#chance(200));
    for (let at = 0; at < frame.length; at += 1) frame[at] = this.#chance(256);
    frame.writeUInt32LE(frame.length, 0);
    frame.writeUInt32LE(this.#chance(60), 4);
    return frame;
  }

  /** Numbers and names where a request has them: words that mean something, then up to two names, then bytes. */
  #request(): Buffer {
    const opcode = this.#chance(20) === 0 ? OP_LEASE : this.#pick(Object.values(OP));
    const words = Buffer.alloc(4 * (this.#chance(6) === 0 ? this.#chance(24) : wordsOf(opcode)));
    for (let at = 0; at < words.length; at += 4) words.writeUInt32LE(this.#number(), at);
    if (this.#chance(2) === 0 && words.length >= 8) {
      words.writeUInt32LE(this.#pick(this.#chance(2) === 0 ? this.#handles : this.#nodes), 0);
      words.writeUInt32LE(0, 4);
    }
    const names = [this.#pick(NAMES), this.#pick(NAMES)].slice(0, this.#chance(3));
    const rest = Buffer.from(names.map((name) => `${name}\0`).join(''), 'latin1');
    const bytes = Buffer.alloc(this.#chance(8) === 0 ? this.#chance(5_000) : 0, 'x');
    const frame = Buffer.concat([Buffer.alloc(HEADER_BYTES), words, rest, bytes]);
    this.#unique += 1;
    frame.writeUInt32LE(frame.length, 0);
    frame.writeUInt32LE(opcode, 4);
    frame.writeUInt32LE(this.#unique, 8);
    frame.writeUInt32LE(this.#pick(this.#nodes), 16);
    frame.writeUInt32LE(this.#pick([0, 1_000, 0xffffffff]), 24);
    return frame;
  }

  #number(): number {
    return this.#chance(2) === 0 ? this.#pick(NUMBERS) : this.#chance(0x10000) * this.#pick([1, 1, 0x10001]);
  }

  #damage(frame: Buffer): void {
    for (let times = 1 + this.#chance(4); times > 0; times -= 1)
      frame[4 + this.#chance(frame.length - 4)] = this.#pick([0, 1, 0x7f, 0x80, 0xff, this.#chance(256)]);
  }

  #bound(frame: Buffer): void {
    this.#opcode = frame.readUInt32LE(4);
    const at = HEADER_BYTES + (this.#opcode === OP.fallocate ? 16 : 40);
    if (this.#opcode !== OP.fallocate && this.#opcode !== OP.copyFileRange) return;
    if (frame.length < at + 8) return;
    frame.writeUInt32LE(frame.readUInt32LE(at) & ALLOCATED_MAX, at);
    frame.writeUInt32LE(this.#chance(3) === 0 ? 0x80000000 : 0, at + 4);
  }
}

/** As many as stand before the names of a request. */
function wordsOf(opcode: number): number {
  if (opcode === OP.mkdir || opcode === OP.rename || opcode === OP.link) return 2;
  if (opcode === OP.mknod || opcode === OP.create || opcode === OP.rename2 || opcode === OP.setxattr)
    return 4;
  if (opcode === OP.lookup || opcode === OP.symlink || opcode === OP.unlink || opcode === OP.rmdir) return 0;
  if (opcode === OP.setattr) return 22;
  if (opcode === OP_LEASE) return 4;
  return opcode === OP.write ? 10 : 14;
}

/** Everything about what lies there, but when it was read. */
function portrait(folder: string): string {
  const lines = fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => path.join(entry.parentPath, entry.name));
  return [folder, ...lines.sort()]
    .map((at) => {
      const { mode, uid, gid, size, mtimeNs, ctimeNs, nlink, ino } = fs.lstatSync(at, { bigint: true });
      const content = fs.lstatSync(at).isFile() ? fs.readFileSync(at, 'utf8') : '';
      return [at, mode, uid, gid, size, mtimeNs, ctimeNs, nlink, ino, content].join(' ');
    })
    .join('\n');
}

/** Names need not be text. */
function allIn(folder: Buffer): Buffer[] {
  return fs.readdirSync(folder, { encoding: 'buffer', withFileTypes: true }).flatMap((entry) => {
    const at = Buffer.concat([folder, Buffer.from('/'), entry.name]);
    return entry.isDirectory() ? [at, ...allIn(at)] : [at];
  });
}

function prepare(base: string): { readonly folder: string; readonly outside: string } {
  const folder = path.join(base, 'folder');
  const outside = path.join(base, 'outside');
  for (const at of [folder, outside, path.join(folder, 'folder')]) fs.mkdirSync(at);
  fs.writeFileSync(path.join(outside, 'secret'), 'nobody may see this', { mode: 0o640 });
  fs.writeFileSync(path.join(folder, 'file'), 'content');
  fs.symlinkSync(outside, path.join(folder, 'link-out'));
  fs.symlinkSync('..', path.join(folder, 'link-up'));
  fs.symlinkSync(path.join(outside, 'secret'), path.join(folder, 'link-file'));
  return { folder, outside };
}

const skip = process.platform === 'linux' ? false : 'needs Linux';

/** What a count finds: sizes of files by their inodes, but for names that are not there where there is a quota. */
function bytesIn(folder: Buffer): number {
  const sizes = new Map<bigint, number>();
  for (const at of allIn(folder)) {
    if (!isUtf8(at) || at.toString().toLowerCase().includes('/.causeway')) continue;
    const stat = fs.lstatSync(at, { bigint: true });
    if (stat.isFile()) sizes.set(stat.ino, Number(stat.size));
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** One folder, and so many requests to its server; how many did something. */
function round(chance: (below: number) => number, frames: number, quotaBytes: number | null): number {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-hostile-'));
  const { folder, outside } = prepare(base);
  const before = portrait(outside);
  const ledger = quotaBytes === null ? null : new QuotaLedger(quotaBytes, bytesIn(Buffer.from(folder)));
  const clerk = ledger === null ? null : new QuotaClerk(ledger.seat());
  const hostile = new Hostile(createPosix(PLACE.memoryBytes), folder, chance, clerk);
  try {
    while (hostile.done < frames) {
      hostile.step();
      if (ledger !== null) assert.ok(ledger.usedBytes <= ledger.limitBytes);
    }
    assert.ok(hostile.answers > frames / 2, `${hostile.answers} answers`);
    assert.equal(portrait(outside), before);
    assert.deepEqual(fs.readdirSync(base).sort(), ['folder', 'outside']);
    for (const at of allIn(Buffer.from(folder))) {
      const stat = fs.lstatSync(at);
      assert.equal(stat.mode & 0o6000, 0, `${at} has ${stat.mode.toString(8)}`);
      assert.ok(!stat.isBlockDevice() && !stat.isCharacterDevice(), `${at}`);
      assert.equal(stat.uid, process.getuid?.());
    }
    hostile.server.close(); // what was removed while it was open is given back by then
    if (ledger !== null) {
      assert.equal(ledger.usedBytes, bytesIn(Buffer.from(folder)));
      assert.ok(!fs.existsSync(path.join(folder, '.causeway')));
    }
    return hostile.successes;
  } finally {
    fs.rmSync(base, { recursive: true });
  }
}

function rounds(quotaBytes: number | null): void {
  const chance = chanceOf(SEED);
  let successes = 0;
  for (let done = 0; done < FRAMES; done += ROUND_FRAMES)
    try {
      successes += round(chance, ROUND_FRAMES, quotaBytes);
    } catch (cause) {
      throw new Error(`SEED=${SEED}, in the ${ROUND_FRAMES} frames after ${done}`, { cause });
    }
  assert.ok(successes > FRAMES / 20, `${successes} of ${FRAMES} did something`);
}

describe(`requests from another machine, SEED=${SEED}`, { skip }, () => {
  it('reach nothing outside, give nobody rights, and get one well-formed answer or none', () => rounds(null));

  it('leave the account of a quota right to the byte, and never above the limit', () => rounds(150_000));
});
