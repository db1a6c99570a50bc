import { parseHostPort } from '../../base/address.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseSettingText } from '../../config/setting_text.ts';
import { SETTING_NAMES, type SettingName, settingOf } from '../../config/settings.ts';
import type { StatusView } from '../../contract/schemas.ts';
import { DISK_THREAD } from '../../guest/disk_thread_module.ts';
import { LANE_THREAD } from '../../guest/lane_thread_module.ts';
import { MOUNT_FRONT_THREAD } from '../../guest/mount_front_thread_module.ts';
import { MOUNT_READ_THREAD } from '../../guest/mount_read_thread_module.ts';
import { MOUNT_SERVE_THREAD } from '../../guest/mount_serve_thread_module.ts';
import { Daemon, type DaemonOptions } from '../../host/daemon.ts';
import { DaemonSettings, problemOf } from '../../host/daemon_settings.ts';
import type { SmbListen } from '../../host/samba.ts';
import type { ShareListen } from '../../host/shares.ts';
import { showFolder } from '../../host/shown_folder.ts';
import type { WebListen } from '../../host/web_server.ts';
import { keepCompiledCode } from '../../world/node/compiled_code.ts';
import { consoleDirectory } from '../../world/node/console_directory.ts';
import { createNodeCryptography } from '../../world/node/cryptography.ts';
import { makeDataDirectory } from '../../world/node/data_directory.ts';
import { openNodeDatabase } from '../../world/node/database.ts';
import { serveNodeHttp } from '../../world/node/http_server.ts';
import { openNodeFolderHints } from '../../world/node/inotify.ts';
import { createNodeLocalTime } from '../../world/node/local_time.ts';

import { createNodeMounts } from '../../world/node/mounts.ts';

import { killSelf, type ServiceManager, serviceManager } from '../../world/node/service_manager.ts';
import { nodeSmbPrograms } from '../../world/node/smb_programs.ts';
import { tellReady } from '../../world/node/terminal.ts';
import { createNodeWebPlatform } from '../../world/node/web_platform.ts';
import { createNodeWorld } from '../../world/node/world.ts';
import { configFileOf, variables } from '../config_place.ts';
import type { Action } from '../program.ts';
import { tellSignsOfLife } from '../signs_of_life.ts';
import type { Terminal } from '../terminal.ts';
import { VERSION } from '../version.ts';

/** `causeway up` */
export const up: Action = async (context, _args, options) => {
  const { terminal, dataDirectory, json } = context;
  if (options['installService'] === true || options['uninstallService'] === true)
    return (await import('./service.ts')).changeService(context, options);
  const flags = flagsOf(options);
  const readyFd = options['readyFd'] === undefined ? null : parseDescriptor(String(options['readyFd']));
  const file = await configFileOf(context, options['config'] as string | undefined);
  const settings = await DaemonSettings.open({ file, flags, environment: variables(terminal.env) });
  makeDataDirectory(dataDirectory);
  const daemon = await Daemon.start(daemonOptions(dataDirectory, settings));
  // before anybody is told that it serves: from then on it may be sent signals
  terminal.onHangup(() => onHangup(terminal, daemon, settings));
  const interrupted = new Promise<void>((resolve) =>
    terminal.interrupted.addEventListener('abort', () => resolve(), { once: true }),
  );
  const status = await daemon.status();
  const { fingerprint, pid, listen: address } = status;
  const web = status.web?.url ?? null;
  const ready = { ready: true, pid, socket: daemon.socketPath };
  if (json) terminal.out(`${JSON.stringify({ ...ready, fingerprint, listen: address, web })}\n`);
  else terminal.err(upText(status, daemon.socketPath, terminal.isTty));
  if (readyFd !== null) await tellReady(readyFd, JSON.stringify({ ...ready, web }));
  const manager = serviceManager(terminal.env);
  manager?.tell('READY=1');
  keepCompiledCode();
  const alive = keepTelling(manager, daemon);
  await Promise.race([interrupted, daemon.stopRequested]);
  alive.abort();
  manager?.tell('STOPPING=1');
  return stopInTime(terminal, daemon);
};

/** Signs of life for the service manager, where it wants any, as long as the state can be read. */
function keepTelling(manager: ServiceManager | null, daemon: Daemon): AbortController {
  const end = new AbortController();
  const everyMs = manager?.watchdogMs;
  if (!manager || !everyMs) return end;
  const signs = { everyMs, unready: () => daemon.unready(), tell: () => void manager.tell('WATCHDOG=1') };
  void tellSignsOfLife(signs, createNodeWorld().clock, end.signal);
  return end;
}

/** What does not end in time is left: every copy is safe at any moment, and goes on at the next start. */
async function stopInTime(terminal: Terminal, daemon: Daemon): Promise<number> {
  const limitMs = LIMITS.daemonStopMs.value;
  const inTime = new AbortController();
  const late = createNodeWorld().clock.sleep(limitMs, inTime.signal);
  late.then(
    () => {
      terminal.err(
        `not stopped after ${limitMs / 1_000} s: ended as it is; copies go on at the next start\n`,
      );
      killSelf();
    },
    () => undefined, // it has stopped in time
  );
  await daemon.close();
  inTime.abort();
  return 0;
}

function daemonOptions(dataDirectory: string, settings: DaemonSettings): DaemonOptions {
  const limit = settings.get('copies.limitBytesPerSecond');
  const listen = settings.get('agents.listenAddress');
  const shares = shareListen(settings);
  return {
    world: createNodeWorld({ threads: DISK_THREAD, lanes: LANE_THREAD }),
    dataDirectory,
    buildId: VERSION,
    listen: listen === 'off' ? null : parseHostPort(listen, 'agents.listenAddress', 'listen'),
    limitBytesPerSecond: limit === 'off' ? null : limit,
    openDatabase: openNodeDatabase,
    mounts: createNodeMounts({
      reading: MOUNT_READ_THREAD,
      serving: MOUNT_SERVE_THREAD,
      front: MOUNT_FRONT_THREAD,
    }),
    localTime: createNodeLocalTime(),
    settings,
    web: {
      platform: createNodeWebPlatform(),
      crypto: createNodeCryptography(),
      listen: webListen(settings),
      consoleFolder: consoleDirectory(),
      ...(shares === null ? {} : { shares: { serve: serveNodeHttp, listen: shares } }),
      folderHints: { open: openNodeFolderHints },
      smb: {
        programs: nodeSmbPrograms,
        listen: shares === null ? null : smbListen(settings),
        show: showFolder,
      },
    },
  };
}

/** SIGHUP: a closed terminal takes its daemon with it; any other is told to read its config file again. */
function onHangup(terminal: Terminal, daemon: Daemon, settings: DaemonSettings): void {
  if (terminal.isTty) return daemon.requestStop();
  settings.reload().then(
    () => terminal.err('the config file was read again\n'),
    (failure) => terminal.err(`${asCausewayError(failure).message}\nthe settings stay as they were\n`),
  );
}

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

/** What the command line says of settings. CW_USAGE naming the flag. */
function flagsOf(options: Record<string, unknown>): ReadonlyMap<SettingName, unknown> {
  const flags = new Map<SettingName, unknown>();
  for (const name of SETTING_NAMES) {
    const { flag } = settingOf(name);
    const option = flag === null ? undefined : options[flag.replace(/^--/, '')];
    if (flag === null || option === undefined || option === true) continue;
    flags.set(name, option === false ? 'off' : parseFlag(name, flag, String(option)));
  }
  return flags;
}

function parseFlag(name: SettingName, flag: string, text: string): unknown {
  try {
    const value = parseSettingText(name, text.replace(/\/$/, ''), flag);
    const why = problemOf(name, value);
    if (why !== null) throw new CausewayError('CW_USAGE', `${flag} ${text}: ${why}`);
    return value;
  } catch (failure) {
    throw new CausewayError('CW_USAGE', asCausewayError(failure).message, { cause: failure });
  }
}

/** `web.address`: where it is the default, any free port does. */
function webListen(settings: DaemonSettings): WebListen | null {
  const address = settings.get('web.address');
  if (address === 'off') return null;
  const isDefault = settings.origin('web.address') === 'default';
  return { ...parseHostPort(address, 'web.address', 'listen'), isDefault };
}

/** `shares.address`, the same. */
function shareListen(settings: DaemonSettings): ShareListen | null {
  const address = settings.get('shares.address');
  if (address === 'off') return null;
  const place = parseHostPort(address.replace(/^https:\/\//, ''), 'shares.address', 'listen');
  if (settings.origin('shares.address') === 'default') return { ...place, isDefault: true };
  return { ...place, isDefault: false, isEncrypted: address.startsWith('https://') };
}

/** `shares.smbAddress`, the same. */
function smbListen(settings: DaemonSettings): SmbListen | null {
  const address = settings.get('shares.smbAddress');
  if (address === 'off') return null;
  const place = parseHostPort(address, 'shares.smbAddress', 'listen');
  return { ...place, isDefault: settings.origin('shares.smbAddress') === 'default' };
}

function parseDescriptor(text: string): number {
  const descriptor = Number(text);
  if (Number.isInteger(descriptor) && descriptor > 0 && descriptor < 1024) return descriptor;
  throw new CausewayError('CW_USAGE', `--ready-fd ${text} is no open descriptor`);
}
