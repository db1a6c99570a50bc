import { type ErrorSpec, spec } from './error_spec.ts';

/** Errors of people, shares, mounts and records: a part of ERROR_CODES. */
export const SERVICE_ERRORS = {
  // area: users, sign-in and rights
  CW_AUTH_REQUIRED: spec('never', 4, 'Sign in, or give a token that is still valid: see `causeway token`.'),
  CW_AUTH_WRONG: spec('never', 4, 'The name, the password or the code is wrong: check them and try again.'),
  CW_AUTH_SECOND_FACTOR: spec(
    'never',
    4,
    'This account also needs the six-digit code of its authenticator, or one of its recovery codes.',
  ),
  CW_AUTH_LOCKED: spec(
    'retry',
    4,
    'Too many attempts failed from there: wait as long as the message says, then try again.',
  ),
  CW_AUTH_BUSY: spec('retry', 1, 'Too many people sign in at this moment: try again in a few seconds.'),
  CW_AUTH_LINK: spec(
    'never',
    4,
    'A one-time link works once and only for a while: ask for a new one (`causeway user link`).',
  ),
  CW_AUTH_CODE: spec(
    'never',
    4,
    'The code of the authenticator is not right: check the clock of the phone and use the code shown now.',
  ),
  CW_AUTH_FORGED: spec(
    'never',
    4,
    'The request did not come from a page of the console itself: reload the page and sign in again.',
  ),
  CW_ACCESS_DENIED: spec(
    'never',
    4,
    'Your role, or what it is limited to, does not allow this: ask an administrator.',
  ),
  CW_PASSWORD_WEAK: spec('never', 2, 'Choose a longer password: a few words that nobody else combines.'),
  CW_USER_UNKNOWN: spec('never', 4, 'No user has that name: see `causeway user ls`.'),
  CW_USER_EXISTS: spec('never', 4, 'A user with that name exists: choose another name.'),
  CW_USER_NAME: spec(
    'never',
    2,
    'A user name has 1 to 64 lower-case letters, digits, dots, hyphens, underscores or @.',
  ),
  CW_USER_LAST_ADMIN: spec(
    'never',
    4,
    'Somebody must be able to manage users: give another user the role Admin first.',
  ),
  CW_TOKEN_UNKNOWN: spec('never', 4, 'No token has that id: see `causeway token ls`.'),
  CW_KEY_WRONG: spec(
    'fatal',
    1,
    'A stored secret does not open with the master keys of this data directory: restore its file of keys from a backup.',
  ),
  // area: notifications
  CW_NOTIFY_ADDRESS: spec(
    'never',
    4,
    'Link-local addresses and those of metadata services are refused, and http: beyond this machine: name the address with `--permit` where it is meant.',
  ),
  CW_NOTIFY_EXISTS: spec(
    'never',
    4,
    'A receiver with that name exists: choose another name or remove it first.',
  ),
  CW_NOTIFY_FAILED: spec(
    'retry',
    1,
    'The receiver did not take the notification: see what it says, then `causeway notify test NAME`.',
  ),
  CW_NOTIFY_UNKNOWN: spec('never', 4, 'No receiver has that name: see `causeway notify ls`.'),
  // area: mounts
  CW_MOUNT_EXISTS: spec('never', 4, 'Choose another place, or `causeway umount` what is there first.'),
  CW_MOUNT_ROOT: spec('never', 4, 'Give the folder to a user, or add `--as-root` where root is meant.'),
  CW_MOUNT_UNKNOWN: spec('never', 4, 'See `causeway mount` for what is mounted.'),
  CW_CACHE_CONFLICT: spec(
    'never',
    1,
    'Somebody else has changed the same over there. What was written here is kept beside it, under the name in the message: put the two together, then remove one.',
  ),
  CW_CACHE_DIRTY: spec(
    'retry',
    4,
    'Nothing is thrown away: bring the other machine back, then `causeway cache wait --clean`, and try again. `causeway cache status` tells what waits and why.',
  ),
  CW_CACHE_JOURNAL: spec(
    'never',
    1,
    'What was written and not yet sent on cannot be read any more: look after that disk. To go on without it, move the folder of the journal away.',
  ),
  CW_ROLLBACK_CONFLICT: spec(
    'never',
    4,
    'Nothing was changed. Move what others have changed since out of the share, or choose a later batch of `causeway cache rollback SHARE --list`.',
  ),
  CW_ROLLBACK_UNKNOWN: spec(
    'never',
    4,
    '`causeway cache rollback SHARE --list` shows what can be taken back; `causeway share set SHARE --rollback 24` keeps it from now on.',
  ),
  // area: shares
  CW_SHARE_EXISTS: spec('never', 4, 'A share with that name exists: choose another name or remove it first.'),
  CW_SHARE_EVENTS_GONE: spec(
    'never',
    1,
    'Changes were missed that are not kept any more: read the folder anew, and its events without --since from there on.',
  ),
  CW_SHARE_NAME: spec('never', 2, 'A share name has 1 to 63 letters, digits, dots, hyphens or underscores.'),
  CW_SHARE_REFUSED: spec(
    'never',
    4,
    'Homes, system folders and the root are not shared by mistake: choose a folder below, or add --i-know.',
  ),
  CW_SHARE_SOURCE: spec(
    'retry',
    1,
    'The shared folder is not the one that was shared, or is not there: mount it or put it back; if another folder is meant, `causeway share set NAME --rebind`.',
  ),
  CW_SHARE_SMB: spec(
    'never',
    4,
    'Mend what the message names, then `causeway share set NAME --smb`; log.smbd in the folder samba of the data of the daemon tells more. By WebDAV the share is served all the same.',
  ),
  CW_SHARE_UNKNOWN: spec('never', 4, 'No share has that name: see `causeway share ls`.'),
  // area: uploads
  CW_UPLOAD_UNKNOWN: spec(
    'never',
    4,
    'It was removed, idle for too long, or belongs to somebody else: choose the files and send them again.',
  ),
  CW_UPLOAD_STATE: spec(
    'never',
    4,
    'Send all files that were announced, and no others, then start one copy of them.',
  ),
  CW_WATCH_ENTRIES: spec(
    'never',
    4,
    'The share holds too much for its changes to be told: share the folders below one by one.',
  ),
  CW_WATCH_FOLDERS: spec(
    'retry',
    1,
    'Raise what the system allows: sysctl fs.inotify.max_user_watches and fs.inotify.max_user_instances.',
  ),
  // area: measuring
  CW_BENCH: spec(
    'never',
    1,
    'The message has the last words of what was measured; `--only` leaves it out, `--keep` keeps its files.',
  ),
  // area: audit
  CW_AUDIT_UNAVAILABLE: spec(
    'retry',
    1,
    'Nothing is done without its audit record: mend what the message names (free space, permissions), then try again.',
  ),
  CW_AUDIT_DAMAGED: spec(
    'never',
    5,
    'The audit record was changed from outside: `causeway audit verify` names the places.',
  ),
  CW_AUDIT_RETENTION: spec('never', 2, 'Audit records are kept for 180 days at least: choose a longer time.'),
} as const satisfies Record<string, ErrorSpec>;
