import { type Command, Option } from 'commander';
import type { Add } from './add_command.ts';
import { JOURNAL_OPTIONS } from './journal_options.ts';

/** Folders that appear at another place, by FUSE. */
export function addMountCommands(program: Command, add: Add): void {
  const load = () => import('./commands/mount.ts');
  const mount = add(
    program,
    'mount [folder] [mountpoint]',
    'mount a folder of this host, or VM:/FOLDER of a machine (Linux, FUSE); without arguments: list what is mounted',
    'causeway mount ./data /mnt/data --read-only\n  causeway mount web:/srv/www /mnt/web',
    async () => (await load()).mount,
  )
    .option('--read-only', 'nothing is changed through the mount')
    .option('--allow-other', 'other users reach it too, each with their own rights')
    .option('--cache <ms>', 'how long names and attributes are believed, 0 to 3600000 (default: 1000)')
    .option(
      '--no-passthrough',
      'all bytes go through this program, where the kernel could move them by itself',
    )
    .option('--numeric-ids', 'of a machine: its users and groups are the same as here, by their numbers')
    .option('--cache-size <size>', 'of a machine: keep what is read on the disk of this host, up to so much')
    .option('--cache-dir <folder>', 'with --cache-size: where (default: in the data directory)')
    .option(
      '--cache-tier <tier:folder[:size]>',
      'of a machine, may be repeated: keep it on several disks, hot:/ssd:20G, warm:/hdd:200G and cold:/archive:1T; without sizes they share --cache-size',
      (tier: string, former: readonly string[] = []) => [...former, tier],
    )
    .option(
      '--cache-memory <size>',
      'with --cache-size: up to so much of it in memory too, 0 for none (default: 64M, less where memory is short)',
    )
    .addOption(
      new Option(
        '--cache-policy <policy>',
        'what becomes of writes: with --cache-size write-through (the usual), around (past the pages of this host too) or read-only; write-back: they wait on the disk of this host, up to --cache-size (default: 1 GiB); split: so do files below 256 MB, larger ones do not',
      ).choices(['write-through', 'around', 'read-only', 'none', 'write-back', 'split']),
    )
    .option('--as-root', 'of a machine: a folder that belongs to root there may be changed as root')
    .option('--foreground', 'serve here, until the end by Ctrl-C or `causeway umount`')
    .option('--ready-fd <n>', 'write a line to this descriptor once it is mounted');
  for (const [flags, text] of JOURNAL_OPTIONS) mount.option(flags, text);
  add(
    program,
    'umount <mountpoint>',
    'take a mount away again; the folder itself stays as it is',
    'causeway umount /mnt/data',
    async () => (await load()).umount,
  ).option('--lazy', 'also while programs use it, which get errors from then on');
}
