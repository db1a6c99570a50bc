import { type Command, Option } from 'commander';
import type { Add } from './add_command.ts';
import { JOURNAL_OPTIONS } from './journal_options.ts';

const TIMEOUT_TEXT = 'wait no longer than that: then the exit code is 1 (default: as long as it takes)';

/** Blocks of files that are kept on this host's disk, in front of mounts of machines. */
export function addCacheCommands(program: Command, add: Add): void {
  const cache = program.command('cache').description('see what is kept of mounted folders of machines');
  add(
    cache,
    'status',
    'how each cache of a mount does: what it holds, how often it was of use, and how its disk is',
    'causeway cache status --json',
    async () => (await import('./commands/cache.ts')).cacheStatus,
  );
  const waits = () => import('./commands/cache_wait.ts');
  add(
    cache,
    'flush <place-or-share>',
    'send on what waits in a mount with --cache-policy write-back; done when the other side has all of it, flushed',
    'causeway cache flush /mnt/www\n  causeway cache flush projects',
    async () => (await waits()).cacheFlush,
  ).option('--timeout <seconds>', TIMEOUT_TEXT);
  addCacheSet(cache, add);
  add(
    cache,
    'rollback <share>',
    'list what machines have changed in a share with --rollback, or return it to what it was before',
    'causeway cache rollback projects --list\n  causeway cache rollback projects --to 17\n  causeway cache rollback projects --to 45m',
    async () => (await import('./commands/cache_rollback.ts')).cacheRollback,
  )
    .option('--list', 'show the batches that can be taken back')
    .option('--to <batch-or-time>', 'to before that batch; or to so long ago: 45m, 3h')
    .option(
      '--force',
      'although what the machine has written may not all be here: the rest comes later, under names beside',
    );
  add(
    cache,
    'wait [place-or-share]',
    'wait until nothing waits in that mount or share, or in any: its machine may be switched off then',
    'causeway cache wait --clean --timeout 60',
    async () => (await waits()).cacheWait,
  )
    .option('--clean', 'until the other side has all that was written, flushed')
    .option('--timeout <seconds>', TIMEOUT_TEXT);
}

function addCacheSet(cache: Command, add: Add): void {
  const set = add(
    cache,
    'set <place-or-share>',
    'change what becomes of writes in a mount with a cache, while programs use it; nothing that waits is lost',
    'causeway cache set /mnt/www --policy split --split-size 64M\n  causeway cache set projects --policy read-only',
    async () => (await import('./commands/cache_set.ts')).cacheSet,
  )
    .addOption(
      new Option('--policy <policy>', 'what becomes of writes from now on').choices([
        'write-back',
        'split',
        'write-through',
        'around',
        'read-only',
      ]),
    )
    .option('--dirty-limit <size>', 'most that may wait; who writes more waits');
  for (const [flags, text] of JOURNAL_OPTIONS) set.option(flags, text);
}
