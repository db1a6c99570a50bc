import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { makeMountPlace, removeMountPlace } from './mount_place.ts';

test('everybody may pass to a place of a mount, whatever the umask is, and nothing is left of it', () => {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-place-'));
  const own = path.join(base, 'own');
  const daemon = path.join(own, 'daemon');
  const place = path.join(daemon, 'share');
  const umask = process.umask(0o077);
  try {
    makeMountPlace(place);
    for (const at of [own, daemon, place]) assert.equal(fs.statSync(at).mode & 0o777, 0o711, at);
    makeMountPlace(place);
    removeMountPlace(place);
    assert.deepEqual(fs.readdirSync(own), []);
  } finally {
    process.umask(umask);
    fs.rmSync(base, { recursive: true });
  }
});
