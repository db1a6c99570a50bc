import { parseHostPort } from '../../base/address.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { DISK_THREAD } from '../../guest/disk_thread_module.ts';
import { Daemon } from '../../host/daemon.ts';
import { makeDataDirectory } from '../../world/node/data_directory.ts';
import { openNodeDatabase } from '../../world/node/database.ts';
import { createNodeLocalTime } from '../../world/node/local_time.ts';
import { tellReady } from '../../world/node/terminal.ts';
import { createNodeWorld } from '../../world/node/world.ts';
import { parseSize } from '../option_numbers.ts';
import type { Action } from '../program.ts';
import { VERSION } from '../version.ts';

/** `causeway up` */
export const up: Action = async ({ terminal, dataDirectory, json }, _args, options) => {
  const listen =
    options['listen'] === undefined ? null : parseHostPort(String(options['listen']), '--listen', 'listen');
  const limit = options['limit'] === undefined ? null : parseRate(String(options['limit']));
  const readyFd = options['readyFd'] === undefined ? null : parseDescriptor(String(options['readyFd']));
  makeDataDirectory(dataDirectory);
  const daemon = await Daemon.start({
    world: createNodeWorld({ threads: DISK_THREAD }),
    dataDirectory,
    buildId: VERSION,
    listen,
    limitBytesPerSecond: limit,
    openDatabase: openNodeDatabase,
    localTime: createNodeLocalTime(),
  });
  const { fingerprint, pid, listen: address } = daemon.status();
  if (json)
    terminal.out(
      `${JSON.stringify({ ready: true, pid, socket: daemon.socketPath, fingerprint, listen: address })}\n`,
    );
  else {
    terminal.err(`causeway ${VERSION} is up: ${daemon.socketPath}\n`);
    if (address !== null) terminal.err(`agents dial in at ${address}\n`);
  }
  if (readyFd !== null)
    await tellReady(readyFd, JSON.stringify({ ready: true, pid, socket: daemon.socketPath }));
  const interrupted = new Promise<void>((resolve) =>
    terminal.interrupted.addEventListener('abort', () => resolve(), { once: true }),
  );
  await Promise.race([interrupted, daemon.stopRequested]);
  await daemon.close();
  return 0;
};

function parseRate(text: string): number {
  return parseSize(text, '--limit', LIMITS.rateMinBytesPerSecond.value, 2 ** 40);
}

function parseDescriptor(text: string): number {
  const descriptor = Number(text);
  if (Number.isInteger(descriptor) && descriptor > 0 && descriptor < 1024) return descriptor;
  throw new CausewayError('CW_USAGE', `--ready-fd ${text} is no open descriptor`);
}
