import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { Outdated } from './outdated.ts';

const AHEAD = LIMITS.mountNoticesAheadMax.value;
const MAX = LIMITS.mountNoticesMax.value;

function knowing(count: number): Outdated {
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  return new Outdated({
    ids: () => [...ids],
    nameOf: (id) => (id === 1 ? null : { parentId: 1, name: `name-${id}` }),
  });
}

/** All that comes, where the other side says each time what it knows. */
function drain(outdated: Outdated): string[] {
  const all: string[] = [];
  for (;;) {
    const taken = outdated.take();
    if (taken.length === 0) return all;
    assert.ok(taken.length <= AHEAD);
    for (const notice of taken)
      all.push(
        notice.kind === 'inode'
          ? `${notice.id}${notice.isData ? '' : '-'}`
          : `${notice.parentId}/${notice.name}`,
      );
    outdated.told(taken.length);
  }
}

it('each thing waits once, and as the larger of what happened to it', () => {
  const outdated = knowing(3);
  outdated.inode(2, false);
  outdated.name(1, 'a');
  outdated.inode(2, true);
  outdated.inode(2, false);
  outdated.name(1, 'a');
  outdated.name(2, 'a');
  outdated.inode(3, false);
  assert.deepEqual(drain(outdated), ['2', '1/a', '2/a', '3-']);
  assert.ok(outdated.isEmpty);
});

it('no more are on their way than the other side has room for', () => {
  const outdated = knowing(1);
  for (let id = 0; id < AHEAD + 10; id += 1) outdated.inode(id, true);
  assert.equal(outdated.take().length, AHEAD);
  assert.equal(outdated.take().length, 0);
  outdated.told(4);
  assert.equal(outdated.take().length, 4);
  outdated.told(2 ** 32 - 2); // whatever the other side says
  assert.equal(outdated.take().length, 6);
});

it('where too much waits, or the other side may have missed some, all that it knows is out of date', () => {
  const outdated = knowing(AHEAD);
  const all = Array.from({ length: AHEAD }, (_, index) => index + 1).flatMap((id) =>
    id === 1 ? ['1'] : [`1/name-${id}`, `${id}`],
  );
  for (let id = 0; id <= MAX; id += 1) outdated.inode(1_000_000 + id, true);
  assert.deepEqual(drain(outdated), all);
  outdated.inode(5, true);
  outdated.take();
  outdated.startOver();
  outdated.inode(7, false);
  assert.deepEqual(drain(outdated), ['7-', ...all]);
});
