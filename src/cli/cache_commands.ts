import type { Command } from 'commander';
import type { Add } from './add_command.ts';

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
}
