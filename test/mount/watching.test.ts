// What a server of a folder has to tell the kernel of another machine, asked by hand, about changes that the kernel of this
// one tells of.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import type { Notice } from '../../src/share/fuse/outdated.ts';
import { OP, OPENED_CACHES_LIST, OPENED_KEEPS, ROOT_ID } from '../../src/share/fuse/protocol.ts';
import type { FolderEvents } from '../../src/world/folder_events.ts';
import { openFolderEvents } from '../../src/world/node/folder_events.ts';
import { AskedServer, named, words } from './asked.ts';

const LONG_S = LIMITS.mountWatchedMs.value / 1_000;
const SHORT_S = 1;

const inode = (id: number, isData: boolean): Notice => ({ kind: 'inode', id, isData });
const name = (parentId: number, text: string): Notice => ({ kind: 'name', parentId, name: text });
/** For how many seconds a name is believed, and what it stands for. */
const believed = (entry: Buffer) => [entry.readUInt32LE(16), entry.readUInt32LE(24)];

describe('the watch over what a mount knows', {
  skip: process.platform === 'linux' ? false : 'needs Linux',
}, () => {
  let folder = '';
  let asked: AskedServer;
  let nowMs = 0;
  const at = (...names: readonly string[]) => path.join(folder, ...names);
  const start = (events: FolderEvents | null = openFolderEvents()) => {
    assert.ok(events !== null);
    return new AskedServer(folder, 1_000, { events, nowMs: () => nowMs });
  };
  const told = () => {
    asked.server.watching?.collect();
    return asked.server.watching?.outdated.take();
  };
  const lookup = (parent: number, text: string) => {
    const entry = asked.lookup(parent, text);
    assert.ok(entry !== null);
    return entry;
  };
  const idOf = (parent: number, text: string) => lookup(parent, text).readUInt32LE(0);

  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-watching-'));
    asked = start();
    nowMs = 1_000_000;
  });
  afterEach(() => {
    asked.server.close();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  it('tells of what the kernel knows, each once, and of nothing else', () => {
    fs.writeFileSync(at('file'), '');
    fs.writeFileSync(at('other'), '');
    const file = idOf(ROOT_ID, 'file');
    assert.deepEqual(told(), []);
    for (let write = 0; write < 5; write += 1) {
      fs.appendFileSync(at('file'), 'x');
      fs.appendFileSync(at('other'), 'x'); // which it has not asked for
    }
    assert.deepEqual(told(), [inode(file, true)]);
    fs.chmodSync(at('file'), 0o600);
    assert.deepEqual(told(), [inode(file, false)]);
    fs.writeFileSync(at('new'), '');
    assert.deepEqual(told(), [inode(ROOT_ID, true)]);
    fs.rmSync(at('file'));
    assert.deepEqual(told(), [inode(ROOT_ID, true), name(ROOT_ID, 'file'), inode(file, true)]);
    fs.chmodSync(folder, 0o750);
    assert.deepEqual(told(), [inode(ROOT_ID, false)]);
  });

  it('follows what is renamed, so that it is reached by who has it', () => {
    fs.mkdirSync(at('from'));
    fs.writeFileSync(at('from', 'file'), 'content');
    fs.mkdirSync(at('to'));
    const [from, to] = [idOf(ROOT_ID, 'from'), idOf(ROOT_ID, 'to')];
    const file = idOf(from, 'file');
    asked.lookup(to, 'nothing');
    fs.renameSync(at('from', 'file'), at('to', 'file'));
    assert.deepEqual(told(), [inode(from, true), name(from, 'file'), inode(file, true), inode(to, true)]);
    assert.equal(asked.ask(OP.getattr, file, words(0, 0, 0, 0))?.error, 0);
    fs.renameSync(at('from'), at('moved'));
    told();
    assert.equal(asked.ask(OP.getattr, from, words(0, 0, 0, 0))?.error, 0);
    fs.renameSync(at('to', 'file'), at('to', 'a'));
    fs.renameSync(at('to', 'a'), at('to', 'file'));
    told();
    assert.equal(asked.ask(OP.getattr, file, words(0, 0, 0, 0))?.error, 0);
  });

  it('tells nothing of what the kernel has changed itself, but of what others do between', () => {
    fs.writeFileSync(at('file'), '');
    fs.writeFileSync(at('second'), '');
    const [file, second] = [idOf(ROOT_ID, 'file'), idOf(ROOT_ID, 'second')];
    const handle = asked.open(file);
    const write = () =>
      asked.ask(OP.write, file, Buffer.concat([words(handle, 0, 0, 0, 1, 0, 0, 0, 0, 0), Buffer.from('x')]));
    assert.equal(write()?.error, 0);
    assert.equal(asked.ask(OP.mkdir, ROOT_ID, Buffer.concat([words(0o755, 0), named('folder')]))?.error, 0);
    const inFolder = idOf(ROOT_ID, 'folder');
    asked.lookup(inFolder, 'x');
    const rename = Buffer.concat([words(inFolder, 0), named('second'), named('moved')]);
    assert.equal(asked.ask(OP.rename, ROOT_ID, rename)?.error, 0);
    assert.equal(asked.ask(OP.unlink, inFolder, named('moved'))?.error, 0);
    assert.equal(asked.ask(OP.rmdir, ROOT_ID, named('folder'))?.error, 0);
    assert.deepEqual(told(), []);
    fs.appendFileSync(at('file'), 'y');
    assert.equal(write()?.error, 0);
    assert.deepEqual(told(), [inode(file, true)]);
    assert.notEqual(second, file);
  });

  it('lets the kernel believe for longer what it hears of, and the rest as ever', () => {
    fs.writeFileSync(at('file'), '');
    fs.writeFileSync(at('linked'), '');
    fs.linkSync(at('linked'), at('again'));
    fs.mkdirSync(at('folder'));
    assert.deepEqual(believed(lookup(ROOT_ID, 'file')), [LONG_S, LONG_S]);
    assert.deepEqual(
      believed(lookup(ROOT_ID, 'linked')),
      [LONG_S, SHORT_S],
      'it may change by its other name',
    );
    const entry = lookup(ROOT_ID, 'folder');
    assert.deepEqual(believed(entry), [LONG_S, SHORT_S], 'its times change with what it holds');
    asked.lookup(entry.readUInt32LE(0), 'x');
    assert.deepEqual(believed(lookup(ROOT_ID, 'folder')), [LONG_S, LONG_S]);
    const file = idOf(ROOT_ID, 'file');
    asked.ask(OP.setxattr, file, Buffer.concat([words(1, 0, 0, 0), named('user.x'), named('')]));
    assert.deepEqual(believed(lookup(ROOT_ID, 'file')), [LONG_S, SHORT_S], 'this kernel changes it just now');
    nowMs += LIMITS.mountOwnChangeMs.value;
    assert.deepEqual(believed(lookup(ROOT_ID, 'file')), [LONG_S, LONG_S]);
    asked.server.close();
    const events = { add: () => -28, remove: () => undefined, take: () => true, close: () => undefined };
    asked = start(events);
    assert.deepEqual(believed(lookup(ROOT_ID, 'file')), [SHORT_S, SHORT_S], 'no more can be watched');
  });

  it('lets the kernel keep a listing until another one changes the folder, or it grows old', () => {
    for (const text of ['a', 'b', 'c']) fs.writeFileSync(at(text), '');
    const list = () => {
      const opened = asked.ask(OP.opendir, ROOT_ID, words(0, 0))?.body as Buffer;
      const handle = opened.readUInt32LE(0);
      const flags = opened.readUInt32LE(8);
      for (
        let cookie: Buffer = Buffer.alloc(8), rest: Buffer | undefined;
        rest === undefined || rest.length > 0;
      ) {
        const request = Buffer.concat([words(handle, 0), cookie, words(4_096, 0, 0, 0)]);
        rest = asked.ask(OP.readdirplus, ROOT_ID, request)?.body as Buffer;
        for (let entry = 0; entry < rest.length; ) {
          cookie = rest.subarray(entry + 128 + 8, entry + 128 + 16);
          entry += (128 + 24 + rest.readUInt32LE(entry + 128 + 16) + 7) & ~7;
        }
      }
      asked.ask(OP.releasedir, ROOT_ID, words(handle, 0, 0, 0, 0, 0));
      return flags;
    };
    assert.equal(list(), OPENED_CACHES_LIST);
    assert.equal(list(), OPENED_CACHES_LIST | OPENED_KEEPS);
    fs.writeFileSync(at('d'), '');
    assert.equal(list(), OPENED_CACHES_LIST);
    assert.equal(list(), OPENED_CACHES_LIST | OPENED_KEEPS);
    nowMs += LIMITS.mountWatchedMs.value / 2;
    assert.equal(list(), OPENED_CACHES_LIST);
  });

  it('hears nothing of folders whose changes other machines make, and believes them as ever', (test) => {
    fs.mkdirSync(at('foreign'));
    try {
      execFileSync('mount', ['-t', 'proc', 'foreign', at('foreign')], { stdio: 'ignore' });
    } catch {
      return test.skip('needs root');
    }
    try {
      const foreign = idOf(ROOT_ID, 'foreign');
      assert.deepEqual(believed(lookup(foreign, 'version')), [SHORT_S, SHORT_S]);
    } finally {
      asked.server.close();
      execFileSync('umount', ['-l', at('foreign')]);
      asked = start();
    }
  });
});
