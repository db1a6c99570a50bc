import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/** First line of the units of this program: no other one is replaced or removed. */
export const UNIT_MARK = '# Written by `causeway up --install-service`.';
export const UNIT_NAME = 'causeway.service';

export interface UnitWish {
  /** The program and its first arguments. */
  readonly program: readonly string[];
  readonly dataDirectory: string;
  readonly configFile: string | null;
  /** For a user's own session, not for the machine. */
  readonly user: boolean;
}

/**
 * The systemd unit of a daemon. It is confined as far as copying allows: files of every place, owner and mode are read
 * and written, FUSE is mounted and programs are run that reach machines, so that the file system stays as it is and only
 * what none of that needs is taken away.
 */
export function unitText(wish: UnitWish): string {
  const { program, dataDirectory, configFile, user } = wish;
  const config = configFile === null ? [] : ['--config', configFile];
  const command = [...program, '--data', dataDirectory, 'up', ...config].map(quoted).join(' ');
  const stopSeconds = Math.ceil(LIMITS.daemonStopMs.value / 1_000) + 5;
  return [
    UNIT_MARK,
    '[Unit]',
    'Description=Causeway: files between this host and its virtual machines',
    ...(user ? [] : ['Wants=network-online.target', 'After=network-online.target']),
    'StartLimitIntervalSec=60',
    'StartLimitBurst=5',
    '',
    '[Service]',
    'Type=notify',
    'NotifyAccess=main',
    `ExecStart=${command}`,
    'ExecReload=/bin/kill -HUP $MAINPID',
    'Restart=on-failure',
    'RestartSec=1',
    'RestartPreventExitStatus=2 4',
    'WatchdogSec=60',
    'TimeoutStartSec=120',
    `TimeoutStopSec=${stopSeconds}`,
    'KillMode=mixed',
    'LimitNOFILE=65536',
    // beside a service of the usual weight, 100, at most 41 % of the processors, and all that nobody else wants
    'CPUWeight=70',
    'IOWeight=50',
    'UMask=0077',
    'LockPersonality=yes',
    'RestrictRealtime=yes',
    'SystemCallArchitectures=native',
    ...(user ? [] : CONFINEMENT),
    '',
    '[Install]',
    `WantedBy=${user ? 'default.target' : 'multi-user.target'}`,
    '',
  ].join('\n');
}

/** Of the machine's own unit; a user has no right to most of it anyway. */
const CONFINEMENT = [
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_VSOCK',
  'RestrictNamespaces=yes',
];

/** One word of ExecStart (systemd.service(5), systemd.syntax(7)). CW_USAGE for what no unit can hold. */
function quoted(word: string): string {
  if (/[\x00-\x1f\x7f]/.test(word))
    throw new CausewayError('CW_USAGE', 'a path with control characters cannot stand in a systemd unit');
  const escaped = word
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$');
  return /^[\w@%+=:,./-]+$/.test(word) ? escaped : `"${escaped}"`;
}
