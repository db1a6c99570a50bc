import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { createPosix } from '../../world/node/posix_calls.ts';
import type { Posix } from '../../world/posix.ts';
import { ERRNO, FLAG, MAJOR, MINOR, OP, ROOT_ID, SET } from './protocol.ts';
import { FuseServer } from './server.ts';
import { type FuseOptions, PLACE } from './state.ts';

const O_PATH = 0o10000000;
const HEADER_BYTES = 40;
const ALL = 0xffff_ffff;

interface Answer {
  readonly error: number;
  readonly unique: number;
  readonly body: Buffer;
}

const words = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, index * 4);
  return bytes;
};
const name = (text: string): Buffer => Buffer.from(`${text}\0`);

/** A server without a kernel, which is asked by hand. */
class Asked {
  readonly answers: Answer[] = [];
  readonly forgotten: string[] = [];
  readonly server: FuseServer;
  readonly #posix: Posix;
  #unique = 0;

  constructor(posix: Posix, folder: string, options: Partial<FuseOptions> = {}) {
    this.#posix = posix;
    const rootFd = posix.names.openPath(folder, O_PATH);
    const side = {
      sync: () => assert.fail('nothing is flushed'),
      forgetName: (parent: number, text: string) => void this.forgotten.push(`${parent}/${text}`),
    };
    this.server = new FuseServer(
      posix,
      rootFd,
      {
        readOnly: false,
        far: null,
        times: { namesMs: 1_500, attrsMs: 0 },
        backing: null,
        quota: null,
        recorder: null,
        side,
        leases: null,
        nodesMax: 1_000,
        ...options,
      },
      {
        place: () => PLACE.answer,
        send: (at, sizeBytes) => {
          const message = Buffer.from(posix.memory.bytes.subarray(at, at + sizeBytes));
          assert.equal(message.readUInt32LE(0), sizeBytes);
          this.answers.push({
            error: message.readInt32LE(4),
            unique: message.readUInt32LE(8),
            body: message.subarray(16),
          });
        },
      },
    );
  }

  /** The answer, or undefined where there is none yet. */
  ask(opcode: number, nodeId: number, ...body: readonly Buffer[]): Answer | undefined {
    this.#unique += 1;
    const rest = Buffer.concat(body);
    const sizeBytes = HEADER_BYTES + rest.length;
    const head = words(sizeBytes, opcode, this.#unique, 0, nodeId, 0, 0, 0, 4_711, 0);
    head.copy(this.#posix.memory.bytes, PLACE.request);
    rest.copy(this.#posix.memory.bytes, PLACE.request + HEADER_BYTES);
    this.server.serve(PLACE.request, sizeBytes);
    return this.answerTo(this.#unique);
  }

  get lastUnique(): number {
    return this.#unique;
  }

  answerTo(unique: number): Answer | undefined {
    return this.answers.find((answer) => answer.unique === unique);
  }

  init(minor: number = MINOR, flags = ALL): Answer | undefined {
    return this.ask(OP.init, 0, words(MAJOR, minor, 131_072, flags, 0));
  }

  lookup(parent: number, text: string): number {
    const answer = this.ask(OP.lookup, parent, name(text));
    return answer?.error === 0 ? answer.body.readUInt32LE(0) : (answer?.error ?? 0);
  }
}

const skip = process.platform === 'linux' ? false : 'needs Linux';

describe('a FUSE server, asked by hand', { skip }, () => {
  let posix: Posix;
  let folder = '';
  let asked: Asked;
  before(() => {
    posix = createPosix(PLACE.memoryBytes);
  });
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-fuse-'));
    asked = new Asked(posix, folder);
    asked.init();
  });
  afterEach(() => {
    asked.server.close();
    fs.rmSync(folder, { recursive: true });
  });

  it('agrees with a kernel on a version, and refuses one that is too old', () => {
    const fresh = new Asked(posix, folder);
    assert.equal(fresh.ask(OP.getattr, ROOT_ID, words(0, 0, 0, 0))?.error, -ERRNO.EIO);
    assert.equal(fresh.init(30)?.error, -ERRNO.EPROTO);
    const answer = fresh.init(31, FLAG.asyncRead | FLAG.posixLocks);
    assert.equal(answer?.error, 0);
    assert.equal(answer?.body.length, 64);
    assert.equal(answer?.body.readUInt32LE(12), FLAG.asyncRead, 'the kernel keeps locks by itself');
    assert.equal(fresh.ask(OP.getattr, ROOT_ID, words(0, 0, 0, 0))?.error, 0);
  });

  it('has the kernel close files without a question for each, since it keeps no locks', () => {
    assert.equal(asked.ask(OP.flush, ROOT_ID, words(0, 0, 0, 0, 0, 0))?.error, -ERRNO.ENOSYS);
  });

  it('refuses names that could lead elsewhere, and follows no link', () => {
    fs.symlinkSync('/etc', path.join(folder, 'out'));
    for (const bad of ['..', '.', '', 'a/b', '/etc', '../x']) {
      assert.equal(asked.lookup(ROOT_ID, bad), -ERRNO.EINVAL, bad);
      assert.equal(asked.ask(OP.mkdir, ROOT_ID, words(0o755, 0), name(bad))?.error, -ERRNO.EINVAL, bad);
      assert.equal(asked.ask(OP.unlink, ROOT_ID, name(bad))?.error, -ERRNO.EINVAL, bad);
    }
    const link = asked.lookup(ROOT_ID, 'out');
    assert.equal(asked.lookup(link, 'passwd'), -ERRNO.ENOTDIR);
    assert.equal(asked.ask(OP.open, link, words(0, 0))?.error, -ERRNO.EINVAL);
    assert.equal(asked.ask(OP.opendir, link, words(0, 0))?.error, -ERRNO.ENOTDIR);
  });

  it('opens nothing that has taken the place of what it was asked for', () => {
    const at = path.join(folder, 'file');
    fs.writeFileSync(at, 'mine');
    const node = asked.lookup(ROOT_ID, 'file');
    fs.renameSync(at, `${at}.kept`);
    fs.symlinkSync('/etc/passwd', at);
    assert.notEqual(asked.ask(OP.open, node, words(0, 0))?.error, 0);
    fs.rmSync(at);
    fs.writeFileSync(at, 'another');
    assert.equal(asked.ask(OP.open, node, words(0, 0))?.error, -ERRNO.ESTALE);
    assert.equal(asked.ask(OP.getattr, node, words(0, 0, 0, 0))?.error, -ERRNO.ESTALE);
  });

  it('changes nothing where it is read-only, whatever the kernel asks', () => {
    const fixed = new Asked(posix, folder, { readOnly: true });
    fixed.init();
    fs.writeFileSync(path.join(folder, 'file'), '');
    const node = fixed.lookup(ROOT_ID, 'file');
    assert.equal(fixed.ask(OP.open, node, words(1, 0))?.error, -ERRNO.EROFS);
    assert.equal(fixed.ask(OP.open, node, words(0, 0))?.error, 0);
    assert.equal(fixed.ask(OP.unlink, ROOT_ID, name('file'))?.error, -ERRNO.EROFS);
    assert.equal(fixed.ask(OP.setattr, node, Buffer.alloc(88))?.error, -ERRNO.EROFS);
  });

  it('answers what is cut short with an error, and what is no request not at all', () => {
    for (const opcode of Object.values(OP)) {
      if (opcode === OP.init || opcode === OP.destroy) continue;
      asked.ask(opcode, ROOT_ID);
      asked.ask(opcode, 4_711, words(1));
      asked.ask(opcode, ROOT_ID, Buffer.alloc(7, 0xff));
    }
    const count = asked.answers.length;
    asked.server.serve(PLACE.request, 3);
    assert.equal(asked.answers.length, count);
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it('gives another machine no devices, no rights of owners, no owners, and few attributes', () => {
    const far = new Asked(posix, folder, {
      far: { shownOwner: { userId: 7, groupId: 8 }, idBase: 1_000, changes: null, tellsFolders: false },
    });
    assert.equal(far.init()?.error, -ERRNO.EIO);
    far.server.begin({ hasLongSetxattr: false });
    const errorOf = (opcode: number, node: number, ...body: readonly Buffer[]) =>
      far.ask(opcode, node, ...body)?.error;
    const make = (mode: number) => errorOf(OP.mknod, ROOT_ID, words(mode, 0x103, 0, 0), name(`of-${mode}`));
    assert.equal(make(0o020666), -ERRNO.EPERM);
    assert.equal(make(0o060666), -ERRNO.EPERM);
    assert.equal(make(0o010666), 0);
    assert.equal(make(0o106755), 0);
    assert.equal(fs.statSync(path.join(folder, `of-${0o106755}`)).mode & 0o7777, 0o755);
    const node = far.lookup(ROOT_ID, `of-${0o106755}`);
    const setattr = (valid: number, at: number, value: number) => {
      const body = Buffer.alloc(88);
      body.writeUInt32LE(valid, 0);
      body.writeUInt32LE(value, at);
      return errorOf(OP.setattr, node, body);
    };
    assert.equal(setattr(SET.mode, 68, 0o4755), -ERRNO.EPERM);
    assert.equal(setattr(SET.mode, 68, 0o700), 0);
    assert.equal(setattr(SET.userId, 76, 0), -ERRNO.EPERM);
    assert.equal(setattr(SET.userId, 76, 7), 0);
    assert.equal(far.ask(OP.getattr, node, words(0, 0, 0, 0))?.body.readUInt32LE(16 + 68), 7);
    const value = (attribute: string) => errorOf(OP.setxattr, node, words(1, 0), name(attribute), name(''));
    for (const hidden of ['trusted.x', 'security.capability', 'system.posix_acl_access'])
      assert.equal(value(hidden), -ERRNO.EOPNOTSUPP, hidden);
    assert.notEqual(value('user.x'), -ERRNO.EINVAL);
    const flagged = far.ask(OP.setxattr, node, words(1, 0x8000_0000), name('user.x'), name(''));
    assert.equal(flagged?.error, -ERRNO.EINVAL);
    const allocate = words(1, 0, 0, 0, 1, 0, 0x8, 0);
    assert.equal(errorOf(OP.fallocate, node, allocate), -ERRNO.EBADF);
    assert.equal(errorOf(OP.mkdir, ROOT_ID, words(0o755, 0), name('x'.repeat(256))), -ERRNO.ENAMETOOLONG);
    far.server.close();
  });

  it('knows no labels where nothing reads them, but for those that are there', () => {
    fs.writeFileSync(path.join(folder, 'file'), '');
    const plain = new Asked(posix, folder, { readsLabels: false });
    plain.init();
    const errorOf = (server: Asked, attribute: string) =>
      server.ask(OP.getxattr, server.lookup(ROOT_ID, 'file'), words(100, 0), name(attribute))?.error;
    const [label, none] = [errorOf(asked, 'security.selinux'), errorOf(asked, 'user.none')];
    assert.equal(
      errorOf(plain, 'security.selinux'),
      label === -ERRNO.ENODATA ? -ERRNO.EOPNOTSUPP : label,
      'as if the file system had no labels',
    );
    assert.equal(errorOf(plain, 'user.none'), none);
    // only root may write one
    const node = plain.lookup(ROOT_ID, 'file');
    const value = [words(1, 0, 0, 0), name('security.selinux'), Buffer.from('x')];
    if (plain.ask(OP.setxattr, node, ...value)?.error === 0)
      assert.equal(errorOf(plain, 'security.selinux'), 0);
    plain.server.close();
  });

  it('reads attributes of open files', () => {
    const at = path.join(folder, 'file');
    fs.writeFileSync(at, '');
    const node = asked.lookup(ROOT_ID, 'file');
    const value = [words(5, 0, 0, 0), name('user.x'), Buffer.from('value')];
    assert.equal(asked.ask(OP.setxattr, node, ...value)?.error, 0);
    assert.equal(asked.ask(OP.open, node, words(1, 0))?.error, 0);
    fs.renameSync(at, `${at}.moved`);
    const answer = asked.ask(OP.getxattr, node, words(100, 0), name('user.x'));
    assert.equal(answer?.body.toString(), 'value');
  });

  it('lists names of all lengths with what they are', () => {
    const texts = [1, 2, 3, 7, 8, 9, 15, 16, 17, 255].map((length) => 'n'.repeat(length));
    for (const text of texts) fs.writeFileSync(path.join(folder, text), text);
    const handle = asked.ask(OP.opendir, ROOT_ID, words(0, 0))?.body.readUInt32LE(0) ?? 0;
    const body = asked.ask(OP.readdirplus, ROOT_ID, words(handle, 0, 0, 0, 65_536, 0, 0, 0, 0, 0))?.body;
    const found = new Map<string, number>();
    for (let at = 0; body !== undefined && at < body.length; ) {
      const nameBytes = body.readUInt32LE(at + 128 + 16);
      const text = body.toString('latin1', at + 152, at + 152 + nameBytes);
      if (!text.startsWith('.')) found.set(text, body.readUInt32LE(at + 40 + 8));
      at += 128 + ((24 + nameBytes + 7) & ~7);
    }
    assert.deepEqual([...found.keys()].sort(), [...texts].sort());
    for (const [text, sizeBytes] of found) assert.equal(sizeBytes, text.length);
  });

  it('gives a lock to who waits for it once it is free, and sees circles', () => {
    fs.writeFileSync(path.join(folder, 'file'), '');
    const node = asked.lookup(ROOT_ID, 'file');
    const lock = (opcode: number, owner: number, type: number, start: number, end = start) =>
      asked.ask(opcode, node, words(0, 0, owner, 0, start, 0, end, 0, type, owner, 0, 0));
    assert.equal(lock(OP.setlk, 1, 1, 0)?.error, 0);
    assert.equal(lock(OP.setlk, 2, 1, 1)?.error, 0);
    assert.equal(lock(OP.setlk, 2, 1, 0)?.error, -ERRNO.EAGAIN);
    const seen = lock(OP.getlk, 2, 0, 0, 9);
    assert.equal(seen?.body.readUInt32LE(20), 1);
    assert.equal(lock(OP.setlkw, 2, 1, 0), undefined);
    const waiting = asked.lastUnique;
    assert.equal(lock(OP.setlkw, 1, 1, 1)?.error, -ERRNO.EDEADLK);
    assert.equal(asked.answerTo(waiting), undefined);
    assert.equal(lock(OP.setlk, 1, 2, 0)?.error, 0);
    assert.equal(asked.answerTo(waiting)?.error, 0);
    assert.equal(lock(OP.setlkw, 1, 0, 0), undefined);
    const interrupted = asked.lastUnique;
    asked.ask(OP.interrupt, node, words(interrupted, 0));
    assert.equal(asked.answerTo(interrupted)?.error, -ERRNO.EINTR);
  });

  it('asks the kernel to forget the oldest files where it knows very many', () => {
    const few = new Asked(posix, folder, { nodesMax: 5 });
    few.init();
    const nodes: number[] = [];
    for (let file = 0; file < 20; file += 1) {
      fs.writeFileSync(path.join(folder, `file-${file}`), '');
      nodes.push(few.lookup(ROOT_ID, `file-${file}`));
    }
    assert.deepEqual(
      few.forgotten.slice(0, 3),
      [0, 1, 2].map((file) => `${ROOT_ID}/file-${file}`),
    );
    assert.equal(few.server.held.nodes, 21);
    for (const node of nodes) few.ask(OP.forget, node, words(1, 0));
    assert.equal(few.server.held.nodes, 1);
    assert.deepEqual(asked.forgotten, []);
  });
});
