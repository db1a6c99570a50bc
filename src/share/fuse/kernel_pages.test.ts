import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CachedFile } from './cached_file.ts';
import { KernelPages } from './kernel_pages.ts';
import { OPENED_KEEPS, OUT_HEADER_BYTES } from './protocol.ts';

const look = (version: string, changedMs: number) => ({
  isFile: true,
  file: 'one',
  version,
  sizeBytes: 1,
  changedMs,
});

/** Opens it, with a look at that time: whether the kernel keeps what it has. */
function opens(pages: KernelPages, version: string, changedMs: number, nowMs: number): boolean {
  const file = new CachedFile(7n);
  file.seen(look(version, changedMs), nowMs, nowMs);
  const answer = new Uint8Array(OUT_HEADER_BYTES + 16);
  pages.opened(answer, file);
  return ((answer[OUT_HEADER_BYTES + 8] ?? 0) & OPENED_KEEPS) !== 0;
}

it('the kernel keeps its pages from the second open of a version on, and of no version that may hide a change', () => {
  const pages = new KernelPages();
  assert.equal(opens(pages, 'v1', 0, 10_000), false);
  assert.equal(opens(pages, 'v1', 0, 11_000), true);
  assert.equal(opens(pages, 'v2', 11_900, 12_000), false, 'it was changed');
  assert.equal(opens(pages, 'v2', 11_900, 13_000), false, 'the next change may have the same time');
  assert.equal(opens(pages, 'v2', 11_900, 15_000), false, 'what was read before may be of another one');
  assert.equal(opens(pages, 'v2', 11_900, 16_000), true);
  pages.changed(7n);
  assert.equal(opens(pages, 'v2', 11_900, 17_000), false, 'a write may have failed after the kernel took it');
});
