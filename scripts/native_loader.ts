// Loads a native package from inside a bundle or a single executable. scripts/native_plugin.ts puts it there.
import { mkdtempSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

/** Native builds of a package by platform (`linux-x64-gnu`): zstd, then base64. */
export type NativeBuilds = Readonly<Record<string, string>>;

/**
 * The exports of the package's native module. The system's loader wants a file, so the bytes are one for a moment: in
 * a folder that only this user can enter, or in memory where no such folder can be written. Where the bundle holds no
 * build that fits, a package installed beside it is taken.
 */
export function loadNative(packageName: string, builds: NativeBuilds): Record<string, unknown> {
  const here = `${process.platform}-${process.arch}`;
  const fitting = Object.keys(builds).filter((name) => name === here || name.startsWith(`${here}-`));
  const failures: unknown[] = [];
  for (const name of fitting) {
    try {
      return loadBytes(zstdDecompressSync(Buffer.from(builds[name]!, 'base64')));
    } catch (failure) {
      failures.push(failure); // built for another C library, for example: the next one may fit
    }
  }
  try {
    return createRequire(import.meta.url)(packageName) as Record<string, unknown>;
  } catch (failure) {
    failures.push(failure);
  }
  const held = Object.keys(builds).join(', ') || 'no platform';
  const message = `This build of Causeway holds the native part of ${packageName} for ${held}; none can be loaded on ${here}.`;
  throw new AggregateError(failures, [message, ...failures.map((one) => `- ${String(one)}`)].join('\n'));
}

function loadBytes(bytes: Uint8Array): Record<string, unknown> {
  let folder: string | null = null;
  try {
    folder = mkdtempSync(join(tmpdir(), 'causeway-'));
    const path = join(folder, 'native.node');
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 });
    return open(path);
  } catch (failure) {
    // No temporary folder, a full or read-only one, or one from which nothing may be executed.
    if (process.platform === 'linux') return loadFromMemory(bytes);
    throw failure;
  } finally {
    // The loaded code stays mapped. Windows does not let go of the file before the process ends, hence no retry.
    if (folder !== null && process.platform !== 'win32') rmSync(folder, { recursive: true, force: true });
  }
}

/** memfd_create(2): a file without a name, gone with its last descriptor. */
function loadFromMemory(bytes: Uint8Array): Record<string, unknown> {
  const { dlopen } = quietly(() => process.getBuiltinModule('node:ffi'));
  const { functions } = dlopen(null, { memfd_create: { return: 'i32', arguments: ['string', 'u32'] } });
  const MFD_CLOEXEC = 1;
  const fd = functions.memfd_create('causeway-native', MFD_CLOEXEC);
  if (fd < 0) throw new Error('memfd_create failed');
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
  // The descriptor stays open: the loader knows libraries by path, and a later file under this number is another one.
  return open(`/proc/self/fd/${fd}`);
}

/** Without the warning that a module of Node is experimental, which its users can do nothing about. */
function quietly<T>(load: () => T): T {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => undefined;
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}

function open(path: string): Record<string, unknown> {
  const loaded = { exports: {} };
  process.dlopen(loaded, path);
  return loaded.exports;
}
