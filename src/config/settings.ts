import { type Static, Type } from 'typebox';
import { LIMITS } from '../base/limits.ts';
import { type Setting, setting } from './setting.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RATE_MAX = 2 ** 40;
const { webPort, sharePort, smbPort, rateMinBytesPerSecond, allowListMax } = LIMITS;

const Off = Type.Literal('off');
const DirectMode = Type.Union([Type.Literal('auto'), Type.Literal('always'), Type.Literal('never')]);
/** `HOST:PORT`, IPv6 in brackets. */
const ADDRESS = String.raw`(\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+):\d{1,5}`;
const Address = Type.Union([Off, Type.String({ pattern: `^${ADDRESS}$`, maxLength: 300 })]);
const ShareAddress = Type.Union([Off, Type.String({ pattern: `^(https://)?${ADDRESS}$`, maxLength: 300 })]);

const IP = String.raw`(\[[0-9a-fA-F:.]+\]|\d{1,3}(\.\d{1,3}){3}):\d{1,5}`;
const SmbAddress = Type.Union([Off, Type.String({ pattern: `^${IP}$`, maxLength: 60 })]);

/** Every setting of the daemon, by its name in the config file. docs/config.md is generated from this table. */
export const SETTINGS = {
  'agents.listenAddress': setting(Address, {
    default: 'off',
    form: 'text',
    takes: 'HOST:PORT or off',
    why: 'Where agents dial in. `off`: this host dials the machines only.',
    applies: 'next start',
    flag: '--listen',
  }),
  'audit.retentionDays': setting(
    Type.Integer({ minimum: LIMITS.auditRetentionMinMs.value / DAY_MS, maximum: 36_500 }),
    {
      default: LIMITS.auditRetentionMinMs.value / DAY_MS,
      form: 'number',
      takes: `a whole number of days from ${LIMITS.auditRetentionMinMs.value / DAY_MS} to 36500`,
      why: 'How long audit records are kept.',
      applies: 'at once',
    },
  ),
  'audit.shareReads': setting(Type.Union([Type.Literal('first'), Type.Literal('all'), Type.Literal('off')]), {
    default: 'first',
    form: 'text',
    takes: 'first, all or off',
    why: 'Which reads of files in shares are recorded. `first`: the first of each file and client in a minute, with the number of those since the one before.',
    applies: 'at once',
  }),
  'copies.compress': setting(
    Type.Union([Type.Literal('auto'), Off, Type.Integer({ minimum: 1, maximum: 19 })]),
    {
      default: 'auto',
      form: 'level',
      takes: 'auto, off or a level from 1 to 19',
      why: 'How copies compress that ask for nothing else. `auto`: where the link is slower than the compressor.',
      applies: 'at once',
    },
  ),
  'copies.direct': setting(DirectMode, {
    default: 'auto',
    form: 'text',
    takes: 'auto, always or never',
    why: 'Whether copies that ask for nothing else are made directly, without the link, where both sides run on one machine. `auto`: where that is possible; `always`: others are refused.',
    applies: 'at once',
  }),
  'copies.limitBytesPerSecond': setting(
    Type.Union([Off, Type.Integer({ minimum: rateMinBytesPerSecond.value, maximum: RATE_MAX })]),
    {
      default: 'off',
      form: 'size',
      takes: `off or a whole number of bytes from ${rateMinBytesPerSecond.value} to ${RATE_MAX}`,
      why: 'What all copies share by weight in each direction, less a tenth that is left for everything else. `off`: as fast as it goes.',
      applies: 'next start',
      flag: '--limit',
    },
  ),
  'copies.undo': setting(Type.Union([Type.Literal('auto'), Off, Type.Literal('require')]), {
    default: 'auto',
    form: 'text',
    takes: 'auto, off or require',
    why: 'Whether copies that ask for nothing else keep what they replace. `auto`: as far as it can be; `require`: what cannot be kept is not replaced.',
    applies: 'at once',
  }),
  'sessions.idleMinutes': setting(Type.Integer({ minimum: 1, maximum: 7 * 24 * 60 }), {
    default: LIMITS.loginSessionIdleMs.value / 60_000,
    form: 'number',
    takes: 'a whole number of minutes from 1 to 10080',
    why: 'A signed-in browser that asks nothing for this long is signed out.',
    applies: 'at once',
  }),
  'sessions.lifeHours': setting(Type.Integer({ minimum: 1, maximum: 30 * 24 }), {
    default: LIMITS.loginSessionLifeMs.value / HOUR_MS,
    form: 'number',
    takes: 'a whole number of hours from 1 to 720',
    why: 'A signed-in browser is signed out after this long in any case.',
    applies: 'at once',
  }),
  'shares.address': setting(ShareAddress, {
    default: `127.0.0.1:${sharePort.value}`,
    form: 'text',
    takes: 'HOST:PORT, https://HOST:PORT or off',
    why: 'Where shares are served, beyond loopback by TLS only. `off`: they are kept and not served.',
    applies: 'next start',
    flag: '--shares',
  }),
  'shares.smbAddress': setting(SmbAddress, {
    default: `127.0.0.1:${smbPort.value}`,
    form: 'text',
    takes: 'IP:PORT or off',
    why: 'Where shares are served by SMB that are to be (`causeway share set NAME --smb`). `off`: by WebDAV only.',
    applies: 'next start',
    flag: '--smb',
  }),
  'web.address': setting(Address, {
    default: `127.0.0.1:${webPort.value}`,
    form: 'text',
    takes: 'HOST:PORT or off',
    why: 'Where the console and the API are served by HTTPS. `off`: the API on the Unix socket only.',
    applies: 'next start',
    flag: '--web',
  }),
  'web.allowNetworks': setting(
    Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { maxItems: allowListMax.value }),
    {
      default: [] as string[],
      form: 'list',
      takes: 'a list of networks such as 192.168.7.0/24',
      why: 'From where console, API and shares are reached while `causeway allow` names no network; none: from everywhere.',
      applies: 'at once',
    },
  ),
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof SETTINGS;
export type SettingValue<N extends SettingName = SettingName> = Static<(typeof SETTINGS)[N]['schema']>;

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

export function isSettingName(text: string): text is SettingName {
  return Object.hasOwn(SETTINGS, text);
}

/** The entry of a name, as a plain {@link Setting}. */
export function settingOf(name: SettingName): Setting {
  return SETTINGS[name];
}

/** `web.address` → `CAUSEWAY_WEB_ADDRESS`. */
export function variableOf(name: SettingName): string {
  return `CAUSEWAY_${name
    .replace(/[A-Z]/g, (letter) => `_${letter}`)
    .replace('.', '_')
    .toUpperCase()}`;
}
