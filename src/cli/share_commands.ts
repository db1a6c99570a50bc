import { type Command, Option } from 'commander';
import { type Add, several } from './add_command.ts';

const USER_TEXT = 'a user who may use it too, with an access token as password; may be given several times';

const MOUNT_TEXT =
  'a machine shows it there as a folder of its own, with no network, and again after each restart';
const IDS_TEXT = 'with --mount: users and groups are the same there as here, by their numbers';
const CACHE_TEXT =
  'with --mount: keep what is read on the disk of that machine, up to so much, for example 2G';
const POLICY_TEXT =
  'of the mount: write-through (the usual); write-back: what is written there waits on the disk of that machine, up to --mount-cache; split: so do files below 256 MB, larger ones do not';
const AUDITS = ['webdav', 'all', 'strict'];
const AUDIT_TEXT =
  'whose work with files is recorded: `webdav` (the usual), `all` (in mounts and by SMB too), `strict` (nothing without its record)';
const ROLLBACK_TEXT =
  'keep what machines overwrite in it for so many hours, so that `causeway cache rollback` can take it back';
const ROLLBACK_SIZE_TEXT = 'with --rollback: up to so much, then the oldest goes (default: 4 GiB)';
const ROOT_TEXT = 'with --mount: a folder that belongs to root may be changed as root';

const QUOTA_USER_TEXT =
  'what the files made by that user, or by the share itself, may have together: alice=10G; 10G without a size';

/** Folders of this host that others reach live. */
export function addShareCommands(program: Command, add: Add): void {
  const share = program.command('share').description('folders of this host that others use live, by WebDAV');
  const load = () => import('./commands/share.ts');
  add(
    share,
    'create <folder>',
    'share a folder; prints its URL and its password, this once',
    'causeway share create ~/projects --quota 10G',
    async () => (await load()).shareCreate,
  )
    .option('--name <name>', 'what it is called in the URL (default: the name of the folder)')
    .option('--read-only', 'nobody changes anything')
    .option('--quota <size>', 'what all files together may have, for example 10G')
    .option('--quota-user <name=size>', QUOTA_USER_TEXT, several)
    .option('--user <name>', USER_TEXT, several)
    .option('--mount <vm:/folder>', MOUNT_TEXT)
    .option('--numeric-ids', IDS_TEXT)
    .option('--as-root', ROOT_TEXT)
    .option('--mount-cache <size>', CACHE_TEXT)
    .addOption(
      new Option('--cache-policy <policy>', POLICY_TEXT).choices(['write-through', 'write-back', 'split']),
    )
    .addOption(new Option('--audit <whose>', AUDIT_TEXT).choices(AUDITS))
    .option('--rollback <hours>', ROLLBACK_TEXT)
    .option('--rollback-size <size>', ROLLBACK_SIZE_TEXT)
    .option('--smb', 'serve it by SMB 3 with encryption too (needs Samba, and a daemon that runs as root)')
    .option('--i-know', 'share it although it is a home, a folder of the system, or the root');
  add(share, 'ls', 'list shares and their state', 'causeway share ls', async () => (await load()).shareList);
  add(
    share,
    'show <name>',
    'show one share, and how to connect from Windows, macOS and Linux',
    'causeway share show projects',
    async () => (await load()).shareShow,
  );
  addShareSet(share, add);
  add(
    share,
    'events <name>',
    'show what changes in a share, whoever changes it, until Ctrl-C',
    'causeway share events projects --json',
    async () => (await import('./commands/share_events.ts')).shareEvents,
  ).option('--since <index>', 'go on after that index, which a line before has shown');
  add(
    share,
    'rm <name>',
    'end a share, at once; the folder stays as it is',
    'causeway share rm projects',
    async () => (await load()).shareRemove,
  );
}

function addShareSet(share: Command, add: Add): void {
  add(
    share,
    'set <name>',
    'change a share; what runs on it is cut, and clients go on by themselves',
    'causeway share set projects --quota 20G',
    async () => (await import('./commands/share.ts')).shareSet,
  )
    .option('--read-only', 'nobody changes anything from now on')
    .option('--writable', 'those who may can change it')
    .option('--quota <size>', 'what all files together may have; `none` for no limit')
    .option('--quota-user <name=size>', `${QUOTA_USER_TEXT}; NAME=none for no limit`, several)
    .option('--user <name>', `${USER_TEXT}; takes the place of those before`, several)
    .option('--no-users', 'no user but the share itself')
    .option('--mount <vm:/folder>', MOUNT_TEXT)
    .option('--no-mount', 'no machine shows it any more')
    .option('--numeric-ids', IDS_TEXT)
    .option('--as-root', ROOT_TEXT)
    .option('--mount-cache <size>', CACHE_TEXT)
    .addOption(
      new Option('--cache-policy <policy>', POLICY_TEXT).choices(['write-through', 'write-back', 'split']),
    )
    .addOption(new Option('--audit <whose>', AUDIT_TEXT).choices(AUDITS))
    .option('--rollback <hours>', `${ROLLBACK_TEXT}; \`none\` for no more`)
    .option('--rollback-size <size>', ROLLBACK_SIZE_TEXT)
    .option('--smb', 'serve it by SMB too; makes a new password')
    .option('--no-smb', 'no more by SMB')
    .option('--new-password', 'make a new password and print it; the old one ends at once')
    .option('--rebind', 'the folder that is there now is the right one');
}
