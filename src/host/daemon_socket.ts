import { asCausewayError, CausewayError } from '../base/errors.ts';
import { parseName } from '../base/path.ts';
import type { Dir } from '../world/disk.ts';
import type { World } from '../world/world.ts';

export const SOCKET_NAME = 'daemon.sock';

/** A socket on which somebody answers belongs to a running daemon; one that is left over does not matter. */
export async function refuseSecondDaemon(world: World, socketPath: string): Promise<void> {
  try {
    const conn = await world.net.dial({ kind: 'unix', path: socketPath }, { timeoutMs: 1_000 });
    await conn.close();
  } catch (failure) {
    if (asCausewayError(failure).code === 'CW_LINK_REFUSED') return;
    throw failure;
  }
  throw new CausewayError('CW_DAEMON_RUNNING', `a daemon answers at ${socketPath}`);
}

/** A daemon that was killed leaves its socket file; nobody answers on it, as {@link refuseSecondDaemon} has found. */
export async function removeStaleSocket(dir: Dir): Promise<void> {
  try {
    await dir.removeFile(parseName(SOCKET_NAME));
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure;
  }
}
