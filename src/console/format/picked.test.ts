import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOf, NOTHING_PICKED, type Picked, topsOf, withoutTop, withPicked } from './picked.ts';

const file = (path: string, size = 1) => ({ path, blob: new Blob(['x'.repeat(size)]), mtimeMs: 5 });
const of = (paths: string[], folders: string[] = []): Picked => ({
  files: paths.map((path) => file(path)),
  folders,
});
const pathsOf = ({ files, folders }: Picked) => [...files.map(({ path }) => path), ...folders];

describe('what was picked on this device', () => {
  it('is shown by what stands at the top, folders first, with their files and bytes', () => {
    const picked = withPicked(of(['b.txt', 'z/1', 'z/deep/2'], ['empty', 'z/none']), NOTHING_PICKED);
    assert.deepEqual(topsOf(picked), [
      { name: 'empty', kind: 'folder', files: 0, bytes: 0 },
      { name: 'z', kind: 'folder', files: 2, bytes: 2 },
      { name: 'b.txt', kind: 'file', files: 1, bytes: 1 },
    ]);
    assert.equal(bytesOf({ files: [file('a', 7), file('b', 5)], folders: [] }), 12);
  });

  it('gives way to what is picked again under the same name, and only that', () => {
    const before = of(['a', 'z/old', 'zz/kept'], ['e', 'z/none']);
    assert.deepEqual(pathsOf(withPicked(before, of(['z/new']))), ['a', 'zz/kept', 'z/new', 'e']);
    assert.deepEqual(pathsOf(withPicked(before, of([], ['a']))), ['z/old', 'zz/kept', 'e', 'z/none', 'a']);
  });

  it('can be taken out again', () => {
    assert.deepEqual(pathsOf(withoutTop(of(['a', 'z/1', 'za'], ['z/none']), 'z')), ['a', 'za']);
  });
});
