import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { FollowedFile } from './followed_file.ts';

test('a log is followed from when it is begun, also where it is begun anew under its name', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-follow-'));
  const log = path.join(folder, 'log');
  const pieces: string[] = [];
  const text = () => pieces.join('');
  fs.writeFileSync(log, 'of an earlier time\n');
  const followed = new FollowedFile(log, (bytes) => {
    pieces.push(Buffer.from(bytes).toString());
  });
  try {
    followed.look();
    assert.equal(text(), '');
    fs.writeFileSync(log, 'one\n');
    followed.look();
    fs.appendFileSync(log, 'two\n');
    followed.look();
    followed.look();
    assert.equal(text(), 'one\ntwo\n');
    fs.appendFileSync(log, 'three\n');
    fs.renameSync(log, `${log}.old`);
    fs.writeFileSync(log, 'four\n');
    followed.look();
    assert.equal(text(), 'one\ntwo\nthree\nfour\n');
    fs.appendFileSync(log, `${'x'.repeat(200_000)}\n`);
  } finally {
    followed.close();
    fs.rmSync(folder, { recursive: true });
  }
  assert.equal(text().length, 'one\ntwo\nthree\nfour\n'.length + 200_001, 'the rest is taken at the end');
});
