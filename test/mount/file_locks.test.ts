// Two servers of one folder, asked by hand as two machines would: their locks exclude each other.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ERRNO, OP, ROOT_ID } from '../../src/share/fuse/protocol.ts';
import { AskedServer, posix, words } from './asked.ts';

const [SHARED, EXCLUSIVE, UNLOCK] = [0, 1, 2];

class Machine extends AskedServer {
  readonly node: number;
  handle: number;

  constructor(folder: string, idBase: number) {
    super(folder, idBase);
    this.node = this.lookup(ROOT_ID, 'file')?.readUInt32LE(0) ?? 0;
    this.handle = this.open(this.node);
  }

  /** Undefined while it waits. */
  lock(opcode: number, owner: number, type: number, range: readonly [number, number], isFlock = false) {
    const [start, end] = range;
    const flags = isFlock ? 1 : 0;
    const body = words(this.handle, 0, owner, 0, start, 0, end, 0, type, owner, flags, 0);
    return this.ask(opcode, this.node, body);
  }

  close(handle = this.handle): void {
    this.ask(OP.release, this.node, words(handle, 0, 0, 0, 0, 0));
  }
}

describe('two servers of one folder', { skip: process.platform === 'linux' ? false : 'needs Linux' }, () => {
  let folder = '';
  let one: Machine;
  let two: Machine;
  before(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-locks-'));
    fs.writeFileSync(path.join(folder, 'file'), 'content');
    [one, two] = [new Machine(folder, 1_000), new Machine(folder, 9_000)];
  });
  after(() => {
    for (const { server } of [one, two]) server.close();
    fs.rmSync(folder, { recursive: true });
  });

  it('keep ranges apart, tell what is in the way, and give what was released', () => {
    assert.equal(one.lock(OP.setlk, 1, EXCLUSIVE, [10, 19])?.error, 0);
    assert.equal(two.lock(OP.setlk, 1, SHARED, [19, 30])?.error, -ERRNO.EAGAIN);
    assert.equal(two.lock(OP.setlk, 1, SHARED, [20, 30])?.error, 0);
    assert.equal(one.lock(OP.setlk, 1, EXCLUSIVE, [0, 30])?.error, -ERRNO.EAGAIN);
    const seen = two.lock(OP.getlk, 2, SHARED, [0, 15])?.body;
    assert.deepEqual(
      [0, 8, 16, 20].map((at) => seen?.readUInt32LE(at)),
      [10, 19, EXCLUSIVE, 0],
    );
    assert.equal(two.lock(OP.getlk, 2, SHARED, [20, 30])?.body.readUInt32LE(16), UNLOCK);
    assert.equal(one.lock(OP.setlk, 1, UNLOCK, [15, 19])?.error, 0);
    assert.equal(two.lock(OP.setlk, 1, SHARED, [15, 30])?.error, 0);
    assert.equal(two.lock(OP.setlk, 1, SHARED, [14, 30])?.error, -ERRNO.EAGAIN);
    for (const machine of [one, two]) assert.equal(machine.lock(OP.setlk, 1, UNLOCK, [0, 99])?.error, 0);
  });

  it('let one wait until the other one unlocks, and end a wait that was interrupted', () => {
    for (const isFlock of [false, true]) {
      assert.equal(one.lock(OP.setlk, 1, EXCLUSIVE, [0, 9], isFlock)?.error, 0);
      assert.equal(two.lock(OP.setlkw, 1, EXCLUSIVE, [0, 9], isFlock), undefined);
      assert.ok(two.server.waitsForLocks);
      two.server.retryLocks();
      assert.equal(two.last(), undefined);
      assert.equal(one.lock(OP.setlk, 1, UNLOCK, [0, 9], isFlock)?.error, 0);
      two.server.retryLocks();
      assert.equal(two.last()?.error, 0);
      assert.ok(!two.server.waitsForLocks);
      assert.equal(one.lock(OP.setlkw, 1, SHARED, [0, 9], isFlock), undefined);
      assert.equal(two.lock(OP.setlk, 1, UNLOCK, [0, 9], isFlock)?.error, 0);
      one.server.retryLocks();
      assert.equal(one.last()?.error, 0);
      assert.equal(one.lock(OP.setlk, 1, UNLOCK, [0, 9], isFlock)?.error, 0);
    }
  });

  it('end a lock that belongs to an open file when that is closed, and all when a machine is gone', () => {
    const first = one.handle;
    assert.equal(one.lock(OP.setlk, 1, EXCLUSIVE, [0, 9])?.error, 0);
    one.handle = one.open(one.node);
    assert.equal(one.lock(OP.setlk, 2, EXCLUSIVE, [20, 29])?.error, 0);
    assert.equal(two.lock(OP.setlk, 1, EXCLUSIVE, [0, 9])?.error, -ERRNO.EAGAIN);
    one.close(first);
    assert.equal(two.lock(OP.setlk, 1, EXCLUSIVE, [0, 9])?.error, 0);
    assert.equal(two.lock(OP.setlk, 1, EXCLUSIVE, [20, 29])?.error, -ERRNO.EAGAIN);
    const gone = new Machine(folder, 20_000);
    assert.equal(gone.lock(OP.setlk, 1, EXCLUSIVE, [50, 59])?.error, 0);
    assert.equal(two.lock(OP.setlk, 1, EXCLUSIVE, [50, 59])?.error, -ERRNO.EAGAIN);
    gone.server.close();
    assert.equal(two.lock(OP.setlk, 1, EXCLUSIVE, [50, 59])?.error, 0);
  });

  it('hold against programs of this machine, for a file that has no name any more too', () => {
    const fd = fs.openSync(path.join(folder, 'file'), 'r+');
    try {
      assert.equal(posix.locks.set(fd, EXCLUSIVE, 200n, 10n), 0);
      assert.equal(one.lock(OP.setlk, 5, SHARED, [209, 209])?.error, -ERRNO.EAGAIN);
      assert.equal(one.lock(OP.setlk, 5, SHARED, [210, 210])?.error, 0);
      assert.equal(posix.locks.set(fd, EXCLUSIVE, 210n, 0n), -ERRNO.EAGAIN);
      fs.unlinkSync(path.join(folder, 'file'));
      assert.equal(one.lock(OP.setlk, 5, SHARED, [211, 211])?.error, 0);
      assert.equal(posix.locks.set(fd, EXCLUSIVE, 211n, 1n), -ERRNO.EAGAIN);
    } finally {
      fs.closeSync(fd);
    }
  });
});
