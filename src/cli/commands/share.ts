import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { resolveAbsolute } from '../../base/path.ts';
import { formatBytes } from '../../base/units.ts';
import type { ShareRollback } from '../../contract/rollback_schemas.ts';
import type {
  CreatedShareView,
  CreateShareRequest,
  SetShareRequest,
  ShareMount,
  ShareView,
} from '../../contract/share_schemas.ts';
import { cacheText, waitingText } from '../cache_text.ts';
import { parseCacheSize, parseCount, parseSize } from '../option_numbers.ts';
import type { Action, Context } from '../program.ts';
import { connectText, SHARE_HEAD, shareRow, usedText } from '../share_text.ts';
import { table } from '../terminal.ts';

const HOUR_MS = 3_600_000;
const QUOTA_MAX_BYTES = 2 ** 50;
/** Of a user where no size is named. */
const USER_QUOTA = '10G';

type UserQuota = NonNullable<CreateShareRequest['userQuotas']>[number];

const AUDIT_WORDS = {
  webdav: 'what is done by WebDAV',
  all: 'what is done by WebDAV, in mounts and by SMB',
  strict: 'what is done by WebDAV, in mounts and by SMB; nothing is done without',
};

/** `causeway share create FOLDER` */
export const shareCreate: Action = async (context, [folder = ''], options) => {
  const request: CreateShareRequest = { source: resolveAbsolute(context.terminal.cwd, folder) };
  if (options['name'] !== undefined) request.name = String(options['name']);
  if (options['readOnly'] === true) request.readOnly = true;
  if (options['quota'] !== undefined) request.quotaBytes = parseQuota(String(options['quota']));
  const quotas = quotasOf(options['quotaUser'], []);
  if (quotas !== undefined) request.userQuotas = quotas;
  if (options['user'] !== undefined) request.users = [...(options['user'] as readonly string[])];
  if (options['smb'] === true) request.smb = true;
  if (options['audit'] !== undefined) request.audit = options['audit'] as ShareView['audit'];
  if (options['iKnow'] === true) request.iKnow = true;
  const rollback = keptOf(options);
  if (rollback) request.rollback = rollback;
  const mount = mountOf(options);
  if (mount) request.mount = mount;
  else if (options['cachePolicy'] !== undefined)
    throw new CausewayError('CW_USAGE', '--cache-policy is for --mount VM:/FOLDER');
  return showCreated(context, await context.client.call('createShare', {}, request));
};

/** `causeway share ls` */
export const shareList: Action = async ({ client, terminal, json }) => {
  const shares = await client.call('listShares', {});
  if (json) terminal.out(`${JSON.stringify(shares)}\n`);
  else if (shares.length === 0) terminal.out('Nothing is shared: causeway share create --help\n');
  else terminal.out(`${table([SHARE_HEAD, ...shares.map(shareRow)])}\n`);
  return 0;
};

/** `causeway share show NAME` */
export const shareShow: Action = async ({ client, terminal, json }, [name = '']) => {
  const share = await client.call('showShare', { name });
  terminal.out(json ? `${JSON.stringify(share)}\n` : `${details(share)}\n`);
  return 0;
};

/** `causeway share set NAME …` */
export const shareSet: Action = async (context, [name = ''], options) => {
  const request: SetShareRequest = {};
  if (options['readOnly'] === true && options['writable'] === true)
    throw new CausewayError('CW_USAGE', '--read-only and --writable contradict each other');
  if (options['readOnly'] === true) request.readOnly = true;
  if (options['writable'] === true) request.readOnly = false;
  const quota = options['quota'];
  if (quota !== undefined) request.quotaBytes = quota === 'none' ? null : parseQuota(String(quota));
  if (options['user'] !== undefined) request.users = [...(options['user'] as readonly string[])];
  else if (options['users'] === false) request.users = [];
  if (options['quotaUser'] !== undefined) {
    const { userQuotas } = await context.client.call('showShare', { name });
    const before = userQuotas.map(({ user, limitBytes }) => ({ user, limitBytes }));
    request.userQuotas = quotasOf(options['quotaUser'], before) ?? before;
  }
  const mount = mountOf(options);
  if (mount !== undefined) request.mount = mount;
  else if (options['cachePolicy'] !== undefined) request.cachePolicy = policyOf(options);
  if (typeof options['smb'] === 'boolean') request.smb = options['smb'];
  if (options['audit'] !== undefined) request.audit = options['audit'] as ShareView['audit'];
  const rollback = keptOf(options);
  if (rollback !== undefined) request.rollback = rollback;
  if (options['newPassword'] === true) request.newPassword = true;
  if (options['rebind'] === true) request.rebind = true;
  if (Object.keys(request).length === 0)
    throw new CausewayError(
      'CW_USAGE',
      'say what is to change: --quota, --quota-user, --read-only, --writable, --user, --mount, --no-mount, --cache-policy, --rollback, --audit, --smb, --no-smb, --new-password, --rebind',
    );
  return showCreated(context, await context.client.call('setShare', { name }, request));
};

/** `causeway share rm NAME` */
export const shareRemove: Action = async ({ client, terminal, json }, [name = '']) => {
  await client.call('removeShare', { name });
  if (json) terminal.out(`${JSON.stringify({ removed: name })}\n`);
  return 0;
};

/** Null: no machine is to show it; undefined where nothing was said. */
function mountOf(options: Readonly<Record<string, unknown>>): ShareMount | null | undefined {
  const { mount } = options;
  if (mount === false) return null;
  if (mount === undefined && options['mountCache'] !== undefined)
    throw new CausewayError('CW_USAGE', '--mount-cache is for --mount VM:/FOLDER');
  if (mount === undefined) return undefined;
  const text = String(mount);
  const colon = text.indexOf(':');
  if (colon <= 0 || text[colon + 1] !== '/')
    throw new CausewayError('CW_USAGE', `${text}: a machine and an absolute path are needed, VM:/FOLDER`);
  const numericIds = options['numericIds'] === true;
  const asRoot = options['asRoot'] === true;
  const cache = options['mountCache'];
  const wished = cache === undefined ? {} : { cacheBytes: parseCacheSize(String(cache), '--mount-cache') };
  const policy = options['cachePolicy'] === undefined ? {} : { cachePolicy: policyOf(options) };
  return { vm: text.slice(0, colon), path: text.slice(colon + 1), numericIds, asRoot, ...wished, ...policy };
}

function policyOf({
  cachePolicy,
}: Readonly<Record<string, unknown>>): NonNullable<ShareMount['cachePolicy']> {
  return cachePolicy === 'write-back' || cachePolicy === 'split' ? cachePolicy : 'write-through';
}

/** Null: nothing is to be kept any more; undefined where nothing was said. */
function keptOf({
  rollback,
  rollbackSize,
}: Readonly<Record<string, unknown>>): ShareRollback | null | undefined {
  if (rollback === undefined && rollbackSize !== undefined)
    throw new CausewayError('CW_USAGE', '--rollback-size is for --rollback HOURS');
  if (rollback === undefined) return undefined;
  if (rollback === 'none') return null;
  const hours = parseCount(String(rollback), '--rollback', LIMITS.rollbackKeptMaxMs.value / HOUR_MS);
  const maxBytes =
    rollbackSize === undefined
      ? LIMITS.rollbackMaxBytes.value
      : parseSize(String(rollbackSize), '--rollback-size', 1, QUOTA_MAX_BYTES);
  return { keptMs: hours * HOUR_MS, maxBytes };
}

/** With what was said of single users; undefined where nothing was. */
function quotasOf(said: unknown, before: readonly UserQuota[]): UserQuota[] | undefined {
  if (said === undefined) return undefined;
  const quotas = new Map(before.map((one) => [one.user, one]));
  for (const text of said as readonly string[]) {
    const cut = text.lastIndexOf('=');
    const user = cut < 0 ? text : text.slice(0, cut);
    const size = cut < 0 ? USER_QUOTA : text.slice(cut + 1);
    if (user === '') throw new CausewayError('CW_USAGE', `${text}: a name is needed, as in alice=10G`);
    if (size === 'none') quotas.delete(user);
    else quotas.set(user, { user, limitBytes: parseSize(size, '--quota-user', 1, QUOTA_MAX_BYTES) });
  }
  return [...quotas.values()];
}

function parseQuota(text: string): number {
  return parseSize(text, '--quota', 1, QUOTA_MAX_BYTES);
}

function showCreated({ terminal, json }: Context, created: CreatedShareView): number {
  const { share, password } = created;
  if (json) terminal.out(`${JSON.stringify(created)}\n`);
  else {
    terminal.out(`${details(share)}\n`);
    if (password !== null)
      terminal.out(
        `\npassword  ${password}\n(shown this once; \`causeway share set ${share.name} --new-password\` makes another)\n`,
      );
  }
  return 0;
}

/** Lines on SMB, where the share is served by it. */
function smbRows({ smb, name }: ShareView): string[][] {
  if (smb === null) return [];
  if (smb.error !== null) return [['smb', `${smb.error.message} (${smb.error.code})`]];
  return [['smb', `smb://${smb.host}:${smb.port}/${name}`]];
}

/** What is kept of what machines overwrite. */
function rollbackRows({ rollback }: ShareView): string[][] {
  if (rollback === null) return [];
  const { keptMs, maxBytes } = rollback;
  return [['rollback', `${keptMs / HOUR_MS} hours, up to ${formatBytes(maxBytes)}`]];
}

function details(share: ShareView): string {
  const rows = [
    ['name', share.name],
    ['state', share.state],
    ['folder', share.source],
    ['access', share.readOnly ? 'read-only' : 'read/write'],
    ['quota', usedText(share)],
    ...share.userQuotas.map((one) => [
      `quota of ${one.user}`,
      usedText({ ...one, quotaBytes: one.limitBytes }),
    ]),
    ['user', [share.user, ...share.users].join(', ')],
    ['recorded', AUDIT_WORDS[share.audit]],
    ...rollbackRows(share),
    ['url', share.url ?? '-'],
    ...smbRows(share),
  ];
  if (share.mount !== null)
    rows.push(['mounted at', `${share.mount.vm}:${share.mount.path} (${share.mount.state})`]);
  if (share.mount?.cache) rows.push(['cache there', cacheText(share.mount.cache)]);
  if (share.mount?.writes?.journal) rows.push(['waits there', waitingText(share.mount.waiting)]);
  const why = share.mount?.error;
  if (why) rows.push(['mount', `${why.message} (${why.code})`], ['what to do', why.help]);
  if (share.error)
    rows.push(['error', `${share.error.message} (${share.error.code})`], ['what to do', share.error.help]);
  const connect = connectText(share);
  return connect === null ? table(rows) : `${table(rows)}\n\n${connect}`;
}
