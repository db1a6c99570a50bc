import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { FarDirect } from './far_direct.ts';
import {
  ENTRY_BYTES,
  ERRNO,
  IN_HEADER_BYTES,
  OP,
  OPENED_DIRECT,
  OUT_HEADER_BYTES,
  READ_HAS_OWNER,
  WRITE_FROM_PAGES,
} from './protocol.ts';

const [WRONLY, RDWR] = [1, 2];
const NODE = 40n;

describe('files that a kernel writes past its pages', () => {
  let direct: FarDirect;
  let unique = 0n;
  beforeEach(() => {
    direct = new FarDirect();
    direct.isOffered = true;
  });

  /** A request with two words of its body, or a handle. */
  function ask(opcode: number, node: bigint, first: bigint): bigint {
    unique += 1n;
    const bytes = new Uint8Array(IN_HEADER_BYTES + 24);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(16, node, true);
    view.setBigUint64(IN_HEADER_BYTES, first, true);
    direct.passing({ opcode, view, bytes, unique });
    return unique;
  }

  /** Answers it with that handle: whether the file is past the pages. */
  function isDirect(asked: bigint, handle: bigint, { isMade = false, error = 0 } = {}): boolean {
    const at = OUT_HEADER_BYTES + (isMade ? ENTRY_BYTES : 0);
    const answer = new Uint8Array(error === 0 ? at + 16 : OUT_HEADER_BYTES);
    const view = new DataView(answer.buffer);
    view.setInt32(4, -error, true);
    if (error === 0) {
      view.setBigUint64(OUT_HEADER_BYTES, NODE, true);
      view.setBigUint64(at, handle, true);
    }
    direct.answered(asked, answer);
    return error === 0 && (view.getUint32(at + 8, true) & OPENED_DIRECT) !== 0;
  }

  const make = (flags: number, handle: bigint) =>
    isDirect(ask(OP.create, 1n, BigInt(flags)), handle, { isMade: true });
  const open = (handle: bigint, node = NODE) => isDirect(ask(OP.open, node, 0n), handle);
  const close = (handle: bigint) => void ask(OP.release, NODE, handle);

  it('are those that are made to be written only', () => {
    assert.ok(make(WRONLY, 1n));
    assert.ok(!make(RDWR, 2n));
    assert.equal(direct.size, 1);
  });

  it('are so for everybody, until the last one closes them', () => {
    assert.ok(make(WRONLY, 1n));
    assert.ok(open(2n));
    assert.ok(!open(9n, 41n), 'another file');
    close(1n);
    assert.ok(open(3n), 'one that opened it then has it still');
    close(2n);
    close(3n);
    assert.equal(direct.size, 0);
    assert.ok(!open(4n));
  });

  it('are none once they were closed while the next one opened them', () => {
    assert.ok(make(WRONLY, 1n));
    const asked = ask(OP.open, NODE, 0n);
    close(1n);
    assert.ok(!isDirect(asked, 2n));
    assert.equal(direct.size, 0);
  });

  it('are told to whoever asks before the kernel knows that they were made', () => {
    const making = ask(OP.create, 1n, BigInt(WRONLY));
    const opening = ask(OP.open, NODE, 0n);
    assert.ok(isDirect(making, 1n, { isMade: true }));
    assert.ok(isDirect(opening, 2n));
  });

  it('have each write wait until the kernel has dropped its pages, once it has some', () => {
    assert.ok(make(WRONLY, 1n));
    const access = (opcode: number, flags: number, node = NODE) => {
      unique += 1n;
      const bytes = new Uint8Array(IN_HEADER_BYTES + 40);
      const view = new DataView(bytes.buffer);
      view.setBigUint64(16, node, true);
      view.setUint32(IN_HEADER_BYTES + 20, flags, true);
      direct.passing({ opcode, view, bytes, unique });
      return unique;
    };
    access(OP.read, READ_HAS_OWNER);
    assert.ok(direct.mayGoAhead(access(OP.write, 0)), 'nobody has mapped it');
    access(OP.read, 0);
    const writing = access(OP.write, 0);
    assert.ok(!direct.mayGoAhead(writing));
    assert.equal(direct.written(writing), NODE);
    assert.equal(direct.written(writing), null, 'once');
    assert.ok(direct.mayGoAhead(access(OP.write, WRITE_FROM_PAGES)), 'what is dropped waits for that');
    assert.ok(direct.mayGoAhead(access(OP.write, 0, 41n)), 'another file');
    close(1n);
    assert.ok(make(WRONLY, 2n));
    assert.ok(direct.mayGoAhead(access(OP.write, 0)), 'the pages went with their last user');
  });

  it('are none where they could not be made, or the kernel offers no such thing', () => {
    const failed = ask(OP.create, 1n, BigInt(WRONLY));
    assert.ok(!isDirect(failed, 1n, { isMade: true, error: ERRNO.ENOSPC }));
    assert.equal(direct.size, 0);
    direct.isOffered = false;
    assert.ok(!make(WRONLY, 1n));
  });
});
