import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { DISK_THREAD } from '../../src/guest/disk_thread_module.ts';
import type { FileTree, TreeCaps } from '../../src/tree/files/file_tree.ts';
import { PermittedTree } from '../../src/tree/files/permitted_tree.ts';
import { startDav } from './dav_rig.ts';

const PLAIN = '<D:resourcetype/><D:getcontentlength/><D:getlastmodified/>';
const ASKED = [
  '<D:allprop/>',
  '<D:propname/>',
  '<D:allprop/><D:include><D:quota-used-bytes/></D:include>',
  `<D:prop>${PLAIN}</D:prop>`,
  `<D:prop>${PLAIN}<D:getetag/><D:displayname/><D:getcontenttype/></D:prop>`,
  '<D:prop><D:getetag/></D:prop>',
  '<D:prop><D:creationdate/><m:colour xmlns:m="urn:m"/><D:lockdiscovery/><D:supportedlock/></D:prop>',
  '<D:prop><D:quota-available-bytes/><D:getcontentlength/></D:prop>',
];

/** The same tree, opened in that way where it is listed in threads. */
function listedBy(tree: FileTree, folder: TreeCaps['folder']): FileTree {
  return new PermittedTree(tree, () => undefined, { folder });
}

function fill(folder: string): void {
  const count = LIMITS.treePageNames.value + 88;
  for (let index = 0; index < count; index += 1)
    fs.writeFileSync(path.join(folder, `file ${index}.txt`), 'x'.repeat(index % 7));
  for (const name of ['a&b<c>', 'ü', "it's 100%", '\u{1f600}.png', 'tab\tname', '.hidden'])
    fs.writeFileSync(path.join(folder, name), name);
  fs.writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x66, 0xff])]), 'no UTF-8');
  fs.mkdirSync(path.join(folder, 'below'));
  fs.mkdirSync(path.join(folder, '.causeway'), { recursive: true });
  fs.symlinkSync('below', path.join(folder, 'to below'));
  fs.symlinkSync('ü', path.join(folder, 'to file'));
  fs.symlinkSync('/etc', path.join(folder, 'outside'));
  fs.symlinkSync('nowhere', path.join(folder, 'nowhere link'));
  execFileSync('mkfifo', [path.join(folder, 'fifo')]);
  fs.truncateSync(path.join(folder, 'file 3.txt'), 5 * 2 ** 40);
  fs.utimesSync(path.join(folder, 'file 4.txt'), 0, new Date(-1_500));
  fs.utimesSync(path.join(folder, 'below'), 0, new Date(4_102_444_800_000));
}

describe('lists of large folders by WebDAV', () => {
  it('are the same from a thread as entry by entry', async () => {
    let threads = 0;
    const counting = (tree: FileTree) =>
      listedBy(tree, async (path) => {
        threads += 1;
        return tree.caps.folder!(path);
      });
    await using rig = await startDav(counting, null, { threads: DISK_THREAD });
    await using other = await startDav((tree) => listedBy(tree, null), null, { folder: rig.folder });
    fill(rig.folder);
    const set = `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><m:colour xmlns:m="urn:m">red</m:colour></D:prop></D:set></D:propertyupdate>`;
    const patched = await fetch(`${rig.url}/below/`, { method: 'PROPPATCH', body: set });
    assert.equal(patched.status, 207, await patched.text());
    const listed = async (url: string, asked: string) => {
      const body = `<D:propfind xmlns:D="DAV:">${asked}</D:propfind>`;
      const answer = await fetch(`${url}/`, { method: 'PROPFIND', headers: { depth: '1' }, body });
      assert.equal(answer.status, 207);
      // room on the disk changes meanwhile; the last entry stands before the end of the answer
      const text = (await answer.text()).replace(/(<D:quota-\S+-bytes>)\d+/g, '$1');
      return text.replace('</D:multistatus>\n', '').split('<D:response>').sort();
    };
    for (const asked of ASKED) {
      const quick = await listed(rig.url, asked);
      const slow = await listed(other.url, asked);
      const isSame = quick.join() === slow.join();
      assert.ok(isSame, `${asked}: ${quick.find((one, at) => one !== slow[at])}`);
      assert.ok(quick.some((one) => one.includes('/dav/to%20below/')));
    }
    assert.equal(threads, 5);
    assert.deepEqual(rig.notes, []);
  });

  it('tell of locks', async () => {
    await using rig = await startDav((tree) => tree, null, { threads: DISK_THREAD });
    fill(rig.folder);
    const lockBody =
      '<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockinfo>';
    const locked = await fetch(`${rig.url}/file%200.txt`, { method: 'LOCK', body: lockBody });
    assert.equal(locked.status, 200, await locked.text());
    const answer = await fetch(`${rig.url}/`, { method: 'PROPFIND', headers: { depth: '1' } });
    assert.match(await answer.text(), /<D:locktoken>/);
  });
});
