import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError, type ErrorCode } from '../../src/base/errors.ts';
import { type Name, parseName } from '../../src/base/path.ts';
import type { Dir, DiskFile, OpenMode } from '../../src/world/disk.ts';
import type { World } from '../../src/world/world.ts';

/** What a case gets: a world, and an empty folder of its own that it may write to. */
export interface Area {
  readonly world: World;
  readonly folder: string;
  readonly dir: Dir;
  /** A folder on another file system; null where the machine offers none. */
  readonly otherDevice: string | null;
}

/** One implementation of the world under test. `run` gives the case a fresh area and cleans up after it. */
export interface WorldHarness {
  readonly name: string;
  run(body: (area: Omit<Area, 'dir'>) => Promise<void>): Promise<void>;
}

export type Case = readonly [title: string, body: (area: Area) => Promise<void>];

/** Registers `cases` as tests of one interface of one implementation. */
export function registerCases(harness: WorldHarness, what: string, cases: readonly Case[]): void {
  describe(`${harness.name}: ${what}`, () => {
    for (const [title, body] of cases) {
      it(title, () =>
        harness.run(async (area) => {
          const dir = await area.world.disk.openRoot(area.folder);
          try {
            await body({ ...area, dir });
          } finally {
            await dir.close();
          }
        }),
      );
    }
  });
}

export const name = (text: string): Name => parseName(text);

/** Fails unless `promise` rejects with a CausewayError of one of the codes. */
export async function rejectsWith(promise: Promise<unknown>, ...codes: readonly ErrorCode[]): Promise<void> {
  const outcome = await promise.then(
    () => 'nothing was thrown',
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof CausewayError, `a CausewayError was expected, not ${String(outcome)}`);
  assert.ok(
    codes.includes(outcome.code),
    `${codes.join(' or ')} was expected, not ${outcome.code}: ${outcome.message}`,
  );
  assert.notEqual(outcome.message, '');
}

/** Opens, uses and closes a file. */
export async function withFile<T>(
  dir: Dir,
  file: string,
  mode: OpenMode,
  use: (file: DiskFile) => Promise<T>,
): Promise<T> {
  const opened = await dir.openFile(name(file), mode);
  try {
    return await use(opened);
  } finally {
    await opened.close();
  }
}

export async function writeAll(file: DiskFile, bytes: Uint8Array, offset = 0): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const count = await file.write(bytes.subarray(done), offset + done);
    assert.ok(count >= 1 && count <= bytes.byteLength - done, 'a write moves 1 to all bytes');
    done += count;
  }
}

export async function readAll(file: DiskFile): Promise<Uint8Array> {
  const out = new Uint8Array((await file.stat()).sizeBytes + 1);
  let done = 0;
  for (;;) {
    const count = await file.read(out.subarray(done), done);
    if (count === 0) return out.slice(0, done);
    done += count;
  }
}

export async function putFile(dir: Dir, file: string, text: string): Promise<void> {
  await withFile(dir, file, 'create', (opened) => writeAll(opened, Buffer.from(text)));
}

export async function textOf(dir: Dir, file: string): Promise<string> {
  return withFile(dir, file, 'read', async (opened) => Buffer.from(await readAll(opened)).toString());
}

export async function namesIn(dir: Dir): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of dir.list()) names.push(entry.rawName);
  return names.sort();
}

/** Bytes that differ everywhere, so that a shift or a swap shows. */
export function patterned(length: number, salt = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = (salt + 1) * 2654435761;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}
