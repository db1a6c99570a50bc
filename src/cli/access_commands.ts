import type { Command } from 'commander';
import { type Add, several } from './add_command.ts';

const SCOPE_TEXT =
  'only there: vm:NAME, vm:NAME:/FOLDER, host, host:/FOLDER, or * (default); may be given several times';
const ROLE_TEXT = 'viewer looks, operator copies, admin manages';

/** Users, tokens, second factors, the allow list and the audit log. */
export function addAccessCommands(program: Command, add: Add): void {
  addUserCommands(program, add);
  addTokenCommands(program, add);
  addAllowCommands(program, add);
  addAuditCommands(program, add);
}

function addUserCommands(program: Command, add: Add): void {
  const user = program.command('user').description('who may sign in, and what they may do');
  const load = () => import('./commands/user.ts');
  add(user, 'ls', 'list users', 'causeway user ls', async () => (await load()).userList);
  add(user, 'show <name>', 'show one user', 'causeway user show ann', async () => (await load()).userShow);
  add(
    user,
    'add <name>',
    'add a user, and print the one-time link that sets the password',
    "causeway user add bob --role operator --scope 'vm:web-*' --scope host:/srv/share",
    async () => (await load()).userAdd,
  )
    .option('--role <role>', ROLE_TEXT)
    .option('--scope <scope>', SCOPE_TEXT, several);
  add(
    user,
    'set <name>',
    'change what a user may do; at once, also for who is signed in',
    'causeway user set bob --role viewer',
    async () => (await load()).userSet,
  )
    .option('--role <role>', ROLE_TEXT)
    .option('--scope <scope>', SCOPE_TEXT, several)
    .option('--disable', 'can sign in no longer, and tokens do not work')
    .option('--enable', 'can sign in again')
    .option('--sign-out', 'end all sessions');
  add(
    user,
    'rm <name>',
    'remove a user with all sessions and tokens, at once',
    'causeway user rm bob',
    async () => (await load()).userRemove,
  );
  add(
    user,
    'passwd <name>',
    'set the password: typed, or the first line of standard input',
    'causeway user passwd bob',
    async () => (await load()).userPassword,
  );
  add(
    user,
    'link <name>',
    'print a one-time link that sets the password',
    'causeway user link bob',
    async () => (await load()).userLink,
  );
}

function addTokenCommands(program: Command, add: Add): void {
  const token = program.command('token').description('API tokens of programs');
  const load = () => import('./commands/token.ts');
  add(
    token,
    'create <user>',
    'make a token of a user; it is shown this once',
    'causeway token create ann --label backup --role operator --scope vm:db --days 30',
    async () => (await load()).tokenCreate,
  )
    .option('--label <text>', 'what it is for')
    .option('--role <role>', `what it may do at most (default: all that the user may): ${ROLE_TEXT}`)
    .option('--scope <scope>', SCOPE_TEXT, several)
    .option('--days <n>', 'how long it works, 1 to 366 (default: 90)');
  add(token, 'ls', 'list tokens', 'causeway token ls', async () => (await load()).tokenList);
  add(
    token,
    'rm <id>',
    'revoke a token, at once',
    'causeway token rm 0123456789abcdef',
    async () => (await load()).tokenRemove,
  );
  const totp = program.command('totp').description('second factors: authenticators');
  add(
    totp,
    'enrol <user>',
    'show the QR code of a new authenticator, and take its first code',
    'causeway totp enrol ann',
    async () => (await import('./commands/totp.ts')).totpEnrol,
  );
  add(
    totp,
    'off <user>',
    'sign in by password alone',
    'causeway totp off ann',
    async () => (await import('./commands/totp.ts')).totpOff,
  );
}

function addAllowCommands(program: Command, add: Add): void {
  const allow = program
    .command('allow')
    .description('from which networks the console and the API are reached');
  const load = () => import('./commands/allow.ts');
  add(allow, 'ls', 'list the networks', 'causeway allow ls', async () => (await load()).allowList);
  add(
    allow,
    'add <network...>',
    'let a network in; with the first one all others are shut out',
    'causeway allow add 192.168.7.0/24',
    async () => (await load()).allowAdd,
  );
  add(
    allow,
    'rm <network...>',
    'shut a network out; without any the list is off',
    'causeway allow rm 192.168.7.0/24',
    async () => (await load()).allowRemove,
  );
}

function addAuditCommands(program: Command, add: Add): void {
  const audit = program.command('audit').description('what was done, by whom, and what was refused');
  const load = () => import('./commands/audit.ts');
  const filtered = (command: Command): Command =>
    command
      .option('--actor <name>', 'who; * and ? stand for other characters')
      .option('--action <action>', 'what, for example job.*')
      .option('--resource <resource>', "to what, for example 'vm:web-1*'")
      .option('--path <path>', 'to this file, or to this folder and what is below')
      .option('--outcome <outcome>', 'started, done, failed or refused')
      .option('--from <time>', 'not before, in UTC: 2026-11-28 or 2026-11-28 15:04')
      .option('--until <time>', 'before, in UTC');
  filtered(
    add(
      audit,
      'search',
      'list records, newest first',
      "causeway audit search --actor ann --action 'job.*'",
      async () => (await load()).auditSearch,
    ),
  )
    .option('--limit <n>', 'how many, 1 to 1000 (default: 50)')
    .option('--before <number>', 'only older ones than this record');
  add(
    audit,
    'verify',
    'check every byte of the log; exit code 5 where anything was changed',
    'causeway audit verify',
    async () => (await load()).auditVerify,
  );
  filtered(
    add(
      audit,
      'export',
      'print records as JSON, one a line, the oldest first',
      'causeway audit export --from 2026-11-01 > november.jsonl',
      async () => (await load()).auditExport,
    ),
  );
}
