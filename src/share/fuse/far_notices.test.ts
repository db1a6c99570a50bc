import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { FarNotices } from './far_notices.ts';
import { EXPIRES, inodeNotice, nameNotice } from './notices.ts';
import { IN_HEADER_BYTES, TOLD_NOTHING } from './protocol.ts';

const AHEAD = LIMITS.mountNoticesAheadMax.value;

/** A kernel that is told when the test says so. */
function kernel() {
  const told: (() => void)[] = [];
  const wishes: Uint8Array[] = [];
  const changed: bigint[] = [];
  const said: number[] = [];
  const notices = new FarNotices(
    { notify: (bytes, done) => void (done === undefined ? wishes.push(bytes) : told.push(done)) },
    (node) => changed.push(node),
  );
  return {
    notices,
    changed,
    wishes,
    said,
    begin: () =>
      notices.begin((frame) => said.push(new DataView(frame.buffer).getUint32(IN_HEADER_BYTES, true))),
    take: (bytes: Uint8Array) =>
      notices.take(bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
    tell: (count: number) => {
      for (const done of told.splice(0, count)) done();
    },
  };
}

it('the other side hears what the kernel knows, some at a time, and first that it may have missed all', () => {
  const { begin, take, tell, said, changed, wishes } = kernel();
  begin();
  assert.deepEqual(said, [TOLD_NOTHING]);
  take(inodeNotice(7n));
  take(nameNotice(1n, 'name', EXPIRES));
  assert.deepEqual(changed, [7n]);
  tell(1);
  assert.deepEqual(said, [TOLD_NOTHING]);
  tell(1);
  assert.deepEqual(said, [TOLD_NOTHING, 2]);
  take(nameNotice(1n, 'to be let go', 0));
  assert.equal(wishes.length, 1);
  for (let id = 0n; id < 200n; id += 1n) take(inodeNotice(id));
  tell(200);
  assert.deepEqual(said.slice(2), [AHEAD / 8, 200 - AHEAD / 8]);
});

it('what was on its way on the stream before counts no more on the next one', () => {
  const { begin, take, tell, said } = kernel();
  begin();
  take(inodeNotice(1n));
  take(inodeNotice(2n));
  begin();
  take(inodeNotice(3n));
  tell(3);
  assert.deepEqual(said, [TOLD_NOTHING, TOLD_NOTHING, 1]);
});

it('who sends more than there is room for is asked for all of it again', () => {
  const { begin, take, tell, said, changed } = kernel();
  begin();
  for (let id = 0; id < AHEAD + 5; id += 1) take(inodeNotice(BigInt(id)));
  assert.equal(changed.length, AHEAD + 5, 'what is kept of them is in doubt all the same');
  tell(AHEAD);
  assert.equal(said.at(-1), TOLD_NOTHING);
});

it('an answer waits for what was told before it, and for nothing else', () => {
  const { begin, take, tell, notices } = kernel();
  const called: string[] = [];
  begin();
  notices.whenTold(() => called.push('at once'));
  take(inodeNotice(1n));
  notices.whenTold(() => called.push('after one'));
  take(inodeNotice(2n));
  take(inodeNotice(3n));
  notices.whenTold(() => called.push('after three'));
  assert.deepEqual(called, ['at once']);
  tell(2);
  assert.deepEqual(called, ['at once', 'after one']);
  tell(1);
  assert.deepEqual(called, ['at once', 'after one', 'after three']);
});
