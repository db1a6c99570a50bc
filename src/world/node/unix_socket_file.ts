import { chmod, lstat, mkdtemp, rename, rm, unlink } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { errnoOf } from './net_errors.ts';

/** sun_path of unix(7) without its final zero; macOS has a few less. */
const PATH_MAX_BYTES = process.platform === 'linux' ? 107 : 103;

/** A socket file that this process made. */
export interface UnixSocketFile {
  /** Removes the file, unless another process has put its own in its place. */
  remove(): Promise<void>;
}

/** Resolves true when somebody listens on the socket file, false when nobody does. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise<boolean>((resolve) => {
    const socket = net.connect({ path, timeout: LIMITS.unixProbeTimeoutMs.value });
    const settle = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(true)); // its queue is full: somebody who is slow, not nobody
    socket.on('error', (error) => settle(errnoOf(error) !== 'ECONNREFUSED' && errnoOf(error) !== 'ENOENT'));
  });
}

async function checkFree(path: string): Promise<void> {
  const stats = await lstat(path).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return null;
    throw thrown;
  });
  if (stats === null) return;
  if (!stats.isSocket())
    throw new CausewayError(
      'CW_LINK_BUSY',
      `cannot listen on unix ${path}: something that is no socket is there`,
    );
  if (await isAnswered(path))
    throw new CausewayError('CW_LINK_BUSY', `cannot listen on unix ${path}: something else listens there`);
}

/**
 * Puts a listening socket at `path` with mode 0600. It is bound inside a private folder beside and renamed to its name,
 * so that it never stands there with another mode and replaces a stale one in one step. CW_LINK_BUSY where somebody
 * answers at `path` or where something stands that is no socket.
 */
export async function placeUnixSocket(
  path: string,
  listen: (path: string) => Promise<void>,
): Promise<UnixSocketFile> {
  await checkFree(path);
  const folder = await mkdtemp(`${path}.`);
  try {
    const bound = join(folder, 's');
    for (const place of [path, bound]) {
      if (Buffer.byteLength(place) <= PATH_MAX_BYTES) continue;
      const limit = PATH_MAX_BYTES - Buffer.byteLength(bound) + Buffer.byteLength(path);
      throw new CausewayError('CW_LINK_REFUSED', `the socket path ${path} is longer than ${limit} bytes`);
    }
    await listen(bound);
    await chmod(bound, 0o600);
    const made = await lstat(bound);
    await rename(bound, path);
    return {
      async remove() {
        const now = await lstat(path).catch(() => null); // gone already: nothing to remove
        if (now?.ino === made.ino && now.dev === made.dev) await unlink(path);
      },
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
