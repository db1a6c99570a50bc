import { parseHostPort } from '../../base/address.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { StatusView } from '../../contract/schemas.ts';
import { DISK_THREAD } from '../../guest/disk_thread_module.ts';
import { Daemon } from '../../host/daemon.ts';
import type { ShareListen } from '../../host/shares.ts';
import type { WebListen } from '../../host/web_server.ts';
import { consoleDirectory } from '../../world/node/console_directory.ts';
import { createNodeCryptography } from '../../world/node/cryptography.ts';
import { makeDataDirectory } from '../../world/node/data_directory.ts';
import { openNodeDatabase } from '../../world/node/database.ts';
import { serveNodeHttp } from '../../world/node/http_server.ts';
import { createNodeLocalTime } from '../../world/node/local_time.ts';
import { tellReady } from '../../world/node/terminal.ts';
import { createNodeWebPlatform } from '../../world/node/web_platform.ts';
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
  const shares = parseShares(options['shares']);
  makeDataDirectory(dataDirectory);
  const daemon = await Daemon.start({
    world: createNodeWorld({ threads: DISK_THREAD }),
    dataDirectory,
    buildId: VERSION,
    listen,
    limitBytesPerSecond: limit,
    openDatabase: openNodeDatabase,
    localTime: createNodeLocalTime(),
    web: {
      platform: createNodeWebPlatform(),
      crypto: createNodeCryptography(),
      listen: parseWeb(options['web']),
      consoleFolder: consoleDirectory(),
      ...(shares === null ? {} : { shares: { serve: serveNodeHttp, listen: shares } }),
    },
  });
  const status = await daemon.status();
  const { fingerprint, pid, listen: address } = status;
  const web = status.web?.url ?? null;
  const ready = { ready: true, pid, socket: daemon.socketPath };
  if (json) terminal.out(`${JSON.stringify({ ...ready, fingerprint, listen: address, web })}\n`);
  else terminal.err(upText(status, daemon.socketPath, terminal.isTty));
  if (readyFd !== null) await tellReady(readyFd, JSON.stringify({ ...ready, web }));
  const interrupted = new Promise<void>((resolve) =>
    terminal.interrupted.addEventListener('abort', () => resolve(), { once: true }),
  );
  await Promise.race([interrupted, daemon.stopRequested]);
  await daemon.close();
  return 0;
};

/** The one-time link is shown to people only: what is no terminal may be a log. */
function upText({ listen, web }: StatusView, socketPath: string, isTty: boolean): string {
  const lines = [`causeway ${VERSION} is up: ${socketPath}`];
  if (listen !== null) lines.push(`agents dial in at ${listen}`);
  if (web !== null) {
    lines.push(`console at ${web.url}`);
    if (web.welcomeUrl !== null)
      lines.push(
        isTty
          ? `become its first administrator here, once: ${web.welcomeUrl}`
          : 'to become its first administrator: `causeway status` shows the link',
      );
  }
  return `${lines.join('\n')}\n`;
}

/** `--web HOST:PORT`, `--no-web`, or neither. */
function parseWeb(option: unknown): WebListen | null {
  if (option === false) return null;
  const port = LIMITS.webPort.value;
  if (option === undefined || option === true) return { host: '127.0.0.1', port, isDefault: true };
  return { ...parseHostPort(String(option), '--web', 'listen'), isDefault: false };
}

/** `--shares HOST:PORT` or `--shares https://HOST:PORT`, `--no-shares`, or neither. */
function parseShares(option: unknown): ShareListen | null {
  if (option === false) return null;
  const port = LIMITS.sharePort.value;
  if (option === undefined || option === true) return { host: '127.0.0.1', port, isDefault: true };
  const [, scheme, place = ''] = /^(https:\/\/)?(.*?)\/?$/.exec(String(option)) ?? [];
  const isEncrypted = scheme !== undefined;
  return { ...parseHostPort(place, '--shares', 'listen'), isDefault: false, isEncrypted };
}

function parseRate(text: string): number {
  return parseSize(text, '--limit', LIMITS.rateMinBytesPerSecond.value, 2 ** 40);
}

function parseDescriptor(text: string): number {
  const descriptor = Number(text);
  if (Number.isInteger(descriptor) && descriptor > 0 && descriptor < 1024) return descriptor;
  throw new CausewayError('CW_USAGE', `--ready-fd ${text} is no open descriptor`);
}
