// The calls of posix.test.ts on a folder of a machine that is mounted on this host, by a daemon and an agent in processes
// of their own, over TLS. POSIX=all runs every check (3,000 as root and 2,000 as a user), else those about contents.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { startFarMount } from '../mount/far_rig.ts';
import { skip } from '../mount/rig.ts';
import { allChecks } from './all.ts';
import { outcomesIn } from './outcomes.ts';

/** What no machine may do to another: rights of a file's owner for who runs it, attributes of the system. */
const GIVES_RIGHTS = /trusted\.|security\.|mode [24-7][0-7]{3}|to [24-7][0-7]{3}/;
/** Who makes something with such a mode gets it without. */
const LEFT_OUT = /^a new \w+ of mode [24-7]/;
const REFUSED = /ENOTSUP|EPERM/;
const PART = process.env['POSIX'] === 'all' ? 'everything' : 'contents';

describe('every call on a mounted folder of a machine does what it does on the folder itself', {
  skip,
}, () => {
  for (const [who, userId] of [
    ['root', 0],
    ['a user', 65_534],
  ] as const)
    it(`for ${who}, where users are the same on both sides`, async () => {
      await using rig = await startFarMount({ numericIds: true });
      const bare = path.join(rig.rig.guestFiles, 'bare');
      fs.mkdirSync(bare);
      const [below, mounted] = await Promise.all([
        outcomesIn(bare, userId, PART),
        outcomesIn(rig.mountpoint, userId, PART),
      ]);
      const checks = allChecks(userId === 0, PART);
      assert.equal(Object.keys(mounted).length, checks.length);
      const wrong = checks.flatMap(({ name }) =>
        mounted[name] === below[name] ||
        LEFT_OUT.test(name) ||
        (GIVES_RIGHTS.test(name) && REFUSED.test(mounted[name] ?? ''))
          ? []
          : [`${name}: ${mounted[name]}, and not ${below[name]}`],
      );
      assert.deepEqual(wrong, []);
    });
});
