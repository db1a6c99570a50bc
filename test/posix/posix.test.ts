// More than 2,000 calls on a mounted folder and on the folder itself, as root and as a user: what POSIX and Linux say must
// come out, and where they leave it open, what the file system below does.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { skip, startMount } from '../mount/rig.ts';
import { allChecks } from './all.ts';
import { outcomesIn } from './outcomes.ts';

describe('every call on a mount does what it does on the folder itself', { skip }, () => {
  for (const [who, userId, passthrough, part, atLeast] of [
    ['root', 0, false, 'everything', 3_000],
    ['a user', 65_534, false, 'everything', 2_000],
    ['root, with bytes moved by the kernel', 0, true, 'contents', 500],
    ['a user, with bytes moved by the kernel', 65_534, true, 'contents', 250],
  ] as const)
    it(`for ${who}`, async () => {
      await using rig = await startMount({ passthrough });
      const bare = path.join(rig.folder, 'bare');
      fs.mkdirSync(bare);
      const [below, mounted] = await Promise.all([
        outcomesIn(bare, userId, part),
        outcomesIn(rig.mountpoint, userId, part),
      ]);
      const checks = allChecks(userId === 0, part);
      assert.ok(checks.length >= atLeast, `there are ${checks.length} checks`);
      assert.equal(Object.keys(mounted).length, checks.length);
      const wrong = checks.flatMap(({ name, expected }) => {
        const wanted = expected !== null && below[name] === expected ? expected : below[name];
        return mounted[name] === wanted ? [] : [`${name}: ${mounted[name]}, and not ${wanted}`];
      });
      // the file system below is the measure, but it must be a POSIX file system itself
      const odd = checks.filter(({ name, expected }) => expected !== null && below[name] !== expected);
      assert.deepEqual(
        odd.map(({ name }) => `${name}: ${below[name]}`),
        [],
      );
      assert.deepEqual(wrong, []);
    });
});
