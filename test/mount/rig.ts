import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { LocalMount, type LocalMountRequest } from '../../src/host/local_mount.ts';
import { ROOT } from '../interop/rig.ts';

const isPossible = process.getuid?.() === 0 && fs.existsSync('/dev/fuse');

/** Why tests with a mount are skipped, or false. */
export const skip =
  isPossible || process.env['CAUSEWAY_REQUIRE'] === 'all' ? false : 'needs root and /dev/fuse';

/** A folder, and the same folder mounted beside it. */
export interface MountRig extends AsyncDisposable {
  /** What both are in. */
  readonly folder: string;
  readonly source: string;
  readonly mountpoint: string;
  readonly mount: LocalMount;
}

export async function startMount(request: Partial<LocalMountRequest> = {}): Promise<MountRig> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-mount-'));
  fs.chmodSync(folder, 0o755);
  const source = path.join(folder, 'source');
  const mountpoint = path.join(folder, 'mounted');
  fs.mkdirSync(source);
  fs.mkdirSync(mountpoint);
  const mount = await LocalMount.open({
    source,
    mountpoint,
    readOnly: false,
    allowOther: true,
    cacheMs: 1_000,
    passthrough: false,
    quota: null,
    records: null,
    ...request,
  });
  return {
    folder,
    source,
    mountpoint,
    mount,
    [Symbol.asyncDispose]: async () => {
      await mount.close();
      fs.rmSync(folder, { recursive: true });
    },
  };
}

/** Waits until `holds`, for at most 10 seconds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`it never came to be that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * The same with a server in a process of its own: who maps a file holds its memory map while the kernel fetches a page,
 * and a server in the same process may need that very map to answer.
 */
export async function startMountProcess(passthrough: boolean): Promise<Omit<MountRig, 'mount'>> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'cw-mount-'));
  const [source, mountpoint] = [path.join(folder, 'source'), path.join(folder, 'mounted')];
  fs.mkdirSync(source);
  fs.mkdirSync(mountpoint);
  const flags = ['--foreground', '--json', ...(passthrough ? [] : ['--no-passthrough'])];
  const program = ['--disable-warning=ExperimentalWarning', path.join(ROOT, 'src/cli/main.ts')];
  const child = spawn(process.execPath, [...program, 'mount', ...flags, source, mountpoint], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    folder,
    source,
    mountpoint,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      fs.rmSync(folder, { recursive: true });
    },
  };
}
