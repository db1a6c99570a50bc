import type { Command } from 'commander';
import type { Add } from './add_command.ts';
import { several } from './add_command.ts';

/** Measurements that a user can make where the program runs. */
export function addBenchCommands(program: Command, add: Add): void {
  const bench = program.command('bench').description('measure parts of this program');
  add(
    bench,
    'cache',
    'simulate which part of reads a cache answers, by what leaves it when it is full: S3-FIFO, as Causeway has it, beside LRU, ARC, W-TinyLFU and the optimum, which knows what comes; and with prediction. No daemon is needed and no file is touched. With --modes it measures mounts without a cache and with each kind of one',
    'causeway bench cache --trace boot --trace compile --size 5 --size 20\n  causeway bench cache --modes --load-size 256M',
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
    .option('--seed <n>', 'traces and loads of the same seed are the same, 1 to 1000000000 (default: 1)')
    .option(
      '--modes',
      'measure a mixed load in a mount without a cache, with write-through, and with write-back: time, throughput, IOPS, hit rate, latencies, and what a crash lost. A daemon and an agent of its own, as root; nothing of it is left afterwards',
    )
    .option('--load-size <size>', 'with --modes: bytes that are read and written, 16M to 1T (default: 10G)')
    .option('--cache-size <size>', 'with --modes: the size of the cache, 16M to 16T (default: 256M)')
    .option('--delay <ms>', 'with --modes: what is added to the link, each way, 0 to 1000 (default: 1)')
    .option(
      '--dir <folder>',
      'with --modes: where the files are (default: in memory, /dev/shm, if there is room)',
    );
  add(
    bench,
    'shares',
    'share a folder of this machine in each way, ours and those of others that are installed, and compare how fast clients read, write, make and list files. Nothing outside of a folder of its own is touched; afterwards no process, mount or file of it is left',
    'causeway bench shares --quick --only mount --only bindfs --only bare',
    async () => (await import('./commands/bench_shares.ts')).benchShares,
  )
    .option('--quick', 'small sizes and one round: shows that all works; the figures are rough')
    .option(
      '--only <names>',
      'these ways of sharing, with commas or given several times (default: all)',
      several,
    )
    .option('--list', 'the names of all ways of sharing, and which are installed')
    .option(
      '--size <size>',
      'the file that is read and written in order, 1M to 1T (default: 1G; --quick: 64M)',
    )
    .option('--files <n>', 'small files in a folder, 1 to 1000000 (default: 10000; --quick: 500)')
    .option('--connections <n>', 'clients at once, 1 to 1000 (default: 100; --quick: 20)')
    .option('--reads <n>', 'small reads of a figure, 1 to 1000000 (default: 10000; --quick: 1000)')
    .option('--rounds <n>', 'each way is measured once a round, 1 to 100 (default: 3; --quick: 1)')
    .option('--dir <folder>', 'where the files are (default: in memory, /dev/shm, if there is room)')
    .option('--keep', 'leave the files and configurations there afterwards');
}
