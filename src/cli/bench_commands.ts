import type { Command } from 'commander';
import type { Add } from './add_command.ts';
import { several } from './add_command.ts';

/** Measurements that a user can make where the program runs. */
export function addBenchCommands(program: Command, add: Add): void {
  const bench = program.command('bench').description('measure parts of this program');
  add(
    bench,
    'cache',
    'simulate which part of reads a cache answers, by what leaves it when it is full: S3-FIFO, as Causeway has it, beside LRU, ARC, W-TinyLFU and the optimum, which knows what comes; and with prediction. No daemon is needed and no file is touched',
    'causeway bench cache --trace boot --trace compile --size 5 --size 20',
    async () => (await import('./commands/bench_cache.ts')).benchCache,
  )
    .option(
      '--trace <name>',
      'zipf-0.7, zipf-0.9, zipf-1.1, scan, loop, mixed, git, compile or boot; may be given several times (default: all)',
      several,
    )
    .option(
      '--size <percent>',
      'size of the cache in percent of all that a trace reads, 0.1 to 100; may be given several times (default: 1, 2, 5, 10, 20, 40)',
      several,
    )
    .option('--accesses <n>', 'length of each trace, 1000 to 1000000 (default: 30000)')
    .option('--seed <n>', 'traces of the same seed are the same, 1 to 1000000000 (default: 1)');
}
