import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { FarPages } from './far_pages.ts';
import { DIRENT_BYTES, ENTRY_BYTES, ERRNO, IN_HEADER_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';

const FOLDER = 40n;
const HANDLE = 7n;
const SIZE_BYTES = 4_096;
const ONE_BYTES = ENTRY_BYTES + DIRENT_BYTES + 8;

/** A page with entries of these nodes, each of which stands before the offset after its own number. */
function page(unique: bigint, nodes: readonly bigint[], error = 0): Uint8Array {
  const answer = new Uint8Array(OUT_HEADER_BYTES + nodes.length * ONE_BYTES);
  const view = new DataView(answer.buffer);
  view.setUint32(0, answer.byteLength, true);
  view.setInt32(4, -error, true);
  view.setBigUint64(8, unique, true);
  for (const [index, node] of nodes.entries()) {
    const at = OUT_HEADER_BYTES + index * ONE_BYTES;
    view.setBigUint64(at, node, true);
    view.setBigUint64(at + ENTRY_BYTES + 8, node + 1n, true);
    view.setUint32(at + ENTRY_BYTES + 16, 4, true);
  }
  return answer;
}

describe('pages of a folder that are asked for before the kernel does', () => {
  let nowMs = 0;
  let isWaitedFor = true;
  let sent: DataView[] = [];
  let waiting: bigint[] = [];
  let given: { readonly unique: bigint; readonly bytes: Uint8Array }[] = [];
  let pages: FarPages;
  beforeEach(() => {
    [nowMs, isWaitedFor, sent, waiting, given] = [0, true, [], [], []];
    pages = new FarPages({
      clock: { monotonicMs: () => nowMs },
      send: (frame) => void sent.push(new DataView(frame.buffer)),
      waits: ({ unique }) => void waiting.push(unique),
      deliver: (unique, bytes, hasWaited) => {
        if (hasWaited && !isWaitedFor) return false;
        given.push({ unique, bytes });
        return true;
      },
    });
  });

  /** A request of the kernel: whether it is answered here. */
  function ask(opcode: number, unique: bigint, offset = 0n, sizeBytes = SIZE_BYTES): boolean {
    const bytes = new Uint8Array(IN_HEADER_BYTES + 40);
    const view = new DataView(bytes.buffer);
    view.setUint32(4, opcode, true);
    view.setBigUint64(8, unique, true);
    view.setBigUint64(16, FOLDER, true);
    view.setBigUint64(IN_HEADER_BYTES, HANDLE, true);
    view.setBigUint64(IN_HEADER_BYTES + 8, offset, true);
    view.setUint32(IN_HEADER_BYTES + 16, sizeBytes, true);
    return pages.takes({ opcode, unique, bytes, view });
  }
  const list = (unique: bigint, offset: bigint, sizeBytes = SIZE_BYTES) =>
    ask(OP.readdirplus, unique, offset, sizeBytes);
  const lastSent = () => sent.at(-1) ?? assert.fail('nothing was sent');
  /** The request that was sent last; with its answer where nodes are given. */
  const arrives = (nodes: readonly bigint[], error = 0) => {
    const unique = lastSent().getBigUint64(8, true);
    assert.ok(pages.answered(unique, page(unique, nodes, error)));
  };
  /** The kernel has got the second page, up to 20, and the third one was asked for. */
  const begin = () => {
    assert.ok(!list(4n, 10n));
    pages.told(4n, page(4n, [19n]));
    assert.equal(sent.length, 1);
    assert.equal(lastSent().getBigUint64(IN_HEADER_BYTES + 8, true), 20n);
  };
  /** The nodes that the other machine was told to forget last. */
  const forgotten = () => {
    const frame = lastSent();
    assert.equal(frame.getUint32(4, true), OP.batchForget);
    assert.equal(frame.byteLength, frame.getUint32(0, true));
    return Array.from({ length: frame.getUint32(IN_HEADER_BYTES, true) }, (_none, index) =>
      frame.getBigUint64(IN_HEADER_BYTES + 8 + index * 16, true),
    );
  };

  it('are given when the kernel asks for them, and the next one is asked for', () => {
    begin();
    arrives([0n, 21n]);
    assert.ok(list(6n, 20n));
    assert.deepEqual(given, [{ unique: 6n, bytes: page(6n, [0n, 21n]) }]);
    assert.equal(lastSent().getBigUint64(IN_HEADER_BYTES + 8, true), 22n);
    arrives([]);
    assert.ok(list(8n, 22n), 'the end');
    assert.equal(sent.length, 2);
  });

  it('are waited for where the kernel asks before they are there', () => {
    begin();
    assert.ok(list(6n, 20n));
    assert.deepEqual([waiting, given], [[6n], []]);
    arrives([21n]);
    assert.equal(given[0]?.unique, 6n);
    assert.equal(lastSent().getBigUint64(IN_HEADER_BYTES + 8, true), 22n);
  });

  it('are not asked for behind the first page, nor behind the end or an error', () => {
    assert.ok(!list(2n, 0n));
    pages.told(2n, page(2n, [9n]));
    assert.ok(!list(4n, 10n));
    pages.told(4n, page(4n, []));
    assert.ok(!list(6n, 10n));
    pages.told(6n, page(6n, [], ERRNO.EIO));
    assert.equal(sent.length, 0);
  });

  for (const [what, drop] of [
    ['something was changed there', () => pages.changed()],
    ['something is changed here', () => assert.ok(!ask(OP.setattr, 6n))],
    ['the folder is closed', () => assert.ok(!ask(OP.releasedir, 6n))],
    ['names alone are asked for', () => assert.ok(!ask(OP.readdir, 6n, 20n))],
    ['another place is asked for', () => assert.ok(!list(6n, 10n))],
    [
      'they are older than they may be',
      () => {
        nowMs += LIMITS.mountPageMs.value + 1;
        assert.ok(!list(6n, 20n));
      },
    ],
  ] as const)
    for (const hasCome of [true, false])
      it(`are taken back where ${what} ${hasCome ? 'once they are there' : 'before they have come'}`, () => {
        begin();
        const asked = lastSent().getBigUint64(8, true);
        if (hasCome) arrives([0n, 21n, 22n]);
        drop();
        if (!hasCome) assert.ok(pages.answered(asked, page(asked, [0n, 21n, 22n])));
        assert.deepEqual(forgotten(), [21n, 22n]);
        assert.ok(!list(8n, 20n), 'the other machine is asked');
        assert.deepEqual(given, []);
      });

  it('are taken back where the kernel has given up waiting', () => {
    begin();
    assert.ok(list(6n, 20n));
    isWaitedFor = false;
    arrives([21n]);
    assert.deepEqual(forgotten(), [21n]);
  });

  it('stay where nothing was changed', () => {
    begin();
    arrives([21n]);
    for (const opcode of [OP.getattr, OP.lookup, OP.getxattr, OP.forget]) assert.ok(!ask(opcode, 5n));
    assert.ok(list(6n, 20n));
  });
});
