import { Command, CommanderError, Option } from 'commander';
import { asCausewayError } from '../base/errors.ts';
import { processTerminal } from '../world/node/terminal.ts';
import { addAccessCommands } from './access_commands.ts';
import { type Add, several } from './add_command.ts';
import { addBenchCommands } from './bench_commands.ts';
import { addCacheCommands } from './cache_commands.ts';
import { addConfigCommands, configOption } from './config_commands.ts';
import { type Context, contextOf, report } from './context.ts';
import { addMountCommands } from './mount_commands.ts';
import { addNotifyCommands } from './notify_commands.ts';
import { addShareCommands } from './share_commands.ts';
import type { Terminal } from './terminal.ts';
import { VERSION } from './version.ts';
import { addKeyCommands, addVmCommands } from './vm_commands.ts';

export type { Context };

/** Runs a command and gives the exit code; throws a CausewayError for what fails. */
export type Action = (
  context: Context,
  args: readonly string[],
  options: Record<string, unknown>,
) => Promise<number>;

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 usage, 3 partly done (listed), 4 refused before start, 5 verification failed, 130 cancelled.`;

/** Runs the command line; the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  let exitCode = 0;
  const root = buildProgram(terminal, (code) => {
    exitCode = code;
  });
  try {
    await root.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (failure) {
    if (failure instanceof CommanderError) return failure.exitCode === 0 ? 0 : 2;
    return report(terminal, asCausewayError(failure), argv.includes('--json'));
  }
}

/** All commands with their help; `done` gets the exit code of the one that ran. */
export function buildProgram(terminal: Terminal, done: (exitCode: number) => void): Command {
  const program = new Command('causeway');
  program
    .description(
      'Copies files between this host and its virtual machines: complete or absent, verified, resumable, explained.',
    )
    .version(VERSION)
    .addOption(new Option('--data <dir>', 'data directory of the daemon').env('CAUSEWAY_DATA'))
    .option('--json', 'print JSON')
    .showHelpAfterError('(run with --help for the arguments and an example)')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .addHelpText('after', `\nExample:\n  causeway cp ./disk.qcow2 dev:/srv/\n${EXIT_CODES}`);

  const add = (
    parent: Command,
    usage: string,
    description: string,
    example: string,
    load: () => Promise<Action>,
  ): Command => {
    const command = parent.command(usage).description(description).option('--json', 'print JSON');
    command.addHelpText('after', `\nExample:\n  ${example}\n${EXIT_CODES}`);
    return command.action(async (...received: unknown[]) => {
      const args = command.processedArgs.flat() as string[];
      const options = command.optsWithGlobals() as Record<string, unknown>;
      void received;
      const action = await load();
      const data = options['data'] as string | undefined;
      done(await action(contextOf(terminal, data, options['json'] === true), args, options));
    });
  };

  addDaemonCommands(program, add);
  addVmCommands(program, add);
  addKeyCommands(program, add);
  addCopyCommands(program, add);
  addJobCommands(program, add);
  addShareCommands(program, add);
  addMountCommands(program, add);
  addCacheCommands(program, add);
  addAccessCommands(program, add);
  addNotifyCommands(program, add);
  addConfigCommands(program, add);
  addBenchCommands(program, add);
  add(
    program,
    'completion <shell>',
    'print the completion script for bash, zsh or fish',
    'causeway completion bash > /etc/bash_completion.d/causeway',
    async () => {
      const { completion } = await import('./commands/completion.ts');
      return completion(program);
    },
  );
  return program;
}

function addDaemonCommands(program: Command, add: Add): void {
  add(
    program,
    'up',
    'run the host daemon in the foreground',
    'causeway up --listen 0.0.0.0:7411',
    async () => (await import('./commands/up.ts')).up,
  )
    .option('--listen <host:port>', 'also accept agents that dial in')
    .option('--web <host:port>', 'serve console and API by HTTPS there (default: 127.0.0.1:7410)')
    .option('--no-web', 'serve neither console nor API by HTTPS')
    .option(
      '--shares <host:port>',
      'serve shares there, beyond loopback by TLS only; https://HOST:PORT for TLS in any case (default: 127.0.0.1:7480, while there are shares)',
    )
    .option('--no-shares', 'serve no shares')
    .option(
      '--smb <ip:port>',
      'serve by SMB there what is shared with --smb (default: 127.0.0.1:7445, while there is any)',
    )
    .option(
      '--limit <rate>',
      'what all copies share by weight in each direction, less a tenth that is left for everything else; a little less than the line has, for example 100M',
    )
    .addOption(configOption())
    .option('--install-service', 'show and write a systemd unit that runs this daemon, and start it')
    .option('--uninstall-service', 'stop the unit and remove it')
    .option('--user', "with those two: a unit of this user's session")
    .option('--dry-run', 'with those two: only show what would be done')
    .option('--ready-fd <n>', 'write a line to this descriptor once the daemon serves');
  add(
    program,
    'down',
    'stop the daemon; running copies go on when it is started again',
    'causeway down',
    async () => (await import('./commands/down.ts')).down,
  );
  add(
    program,
    'status',
    'show the daemon, its machines and running copies',
    'causeway status --json',
    async () => (await import('./commands/status.ts')).status,
  );
  add(
    program,
    'metrics',
    'print the metrics of the daemon as Prometheus reads them',
    'causeway metrics --json',
    async () => (await import('./commands/metrics.ts')).metrics,
  ).option('--format <text|openmetrics>', 'text format 0.0.4, or OpenMetrics 1.0.0 (default: text)');
}

function addCopyCommands(program: Command, add: Add): void {
  const cp = add(
    program,
    'cp <source...>',
    'copy files or folders into a machine, out of it, or from one machine to another; the last argument is the destination',
    'causeway cp dev:/var/log ./logs',
    async () => (await import('./commands/cp.ts')).cp,
  )
    .option('--to <names>', 'copy to the same path on several machines, as in a,b,c; the source is read once')
    .option('--lanes <n>', 'parallel lanes, 1 to 16 (default: one per CPU)')
    .option('--chunk <size>', 'chunk size, 64K to 4M (default: 1M)')
    .option('--limit <rate>', 'send at most so much in a second, for example 20M')
    .option(
      '--direct <auto|always|never>',
      'copy without the link where both sides run on one machine (the job names the way: reflink, copy_file_range, direct): where that is possible, always or else not at all, or never (default: auto)',
    )
    .option(
      '--compress <auto|off|1-19>',
      'compress what travels (zstd): where the link is slower than the compressor, not at all, or at that level; what does not get smaller goes as it is (default: auto)',
    )
    .option('--profile <archive>', 'archive: as few bytes as may be, at the cost of work')
    .option('-I, --ignore-times', 'also copy files that are there with the same size and time')
    .option(
      '-c, --checksum',
      'read files that are there with the same size and time on both sides and compare their contents',
    )
    .option(
      '--link-dest <dir>',
      'a folder with an earlier copy, relative to the destination: files that it has as they are become hard links to it',
    )
    .option('-W, --whole-file', 'send changed files in whole, not only what differs from the version there')
    .option(
      '--owner <keep|none>',
      'keep owner and group, or not (default: keep where the destination is root)',
    )
    .option(
      '--map <user|group:from=to>',
      'give entries of that user or group (a number, or * for any other) another; may be given several times',
      several,
    )
    .option('--weight <n>', 'bytes in proportion to it beside other running copies, 1 to 100 (default: 1)')
    .addOption(
      new Option('--class <class>', 'background: gets what other copies leave, and one byte in five')
        .choices(['bulk', 'background'])
        .default('bulk'),
    )
    .option(
      '--exclude <pattern>',
      'pass over what fits, as in a .gitignore at the top of the source: *.o, /build/, !keep.o; may be given several times',
      several,
    )
    .option('--exclude-from <file>', 'the same, with the patterns in a file, one in each line', several)
    .option(
      '--delete',
      'delete at the destination what the source, one folder, does not have; kept for undo, and left where it cannot be kept',
    )
    .option(
      '--undo <auto|off|require>',
      'keep what is replaced, for `causeway jobs undo`: as far as it can be, not at all, or not replace what cannot be kept (default: auto)',
    )
    .option(
      '--on-clash <fail|rename|skip>',
      'what to do with names that the destination cannot hold or takes for the same (default: fail, before anything is written)',
    )
    .option('--detach', 'start the copy and return its id')
    .option('--quiet', 'no progress');
  addQueueOptions(cp);
}

/** When a copy runs. */
function addQueueOptions(command: Command): void {
  command
    .option('--priority <n>', 'copies of higher priority start first, -10 to 10 (default: 0)')
    .option('--retries <n>', 'how often a failure that may pass is tried again, 0 to 100 (default: 0)')
    .option(
      '--window <from-to>',
      'run only at this time of day of the host, for example 22:00-06:00; may be given several times',
      several,
    );
}

function addJobCommands(program: Command, add: Add): void {
  const jobs = program.command('jobs').description('copies, running and past');
  add(
    jobs,
    'ls',
    'list copies, newest first',
    'causeway jobs ls --state waiting,running --vm dev',
    async () => (await import('./commands/jobs.ts')).jobsList,
  )
    .option(
      '--state <state>',
      'only those in this state; several with commas or given several times',
      several,
    )
    .option('--vm <name>', 'only those with this machine')
    .option('--group <id>', 'only those of this copy to several machines')
    .option('--limit <n>', 'how many (default: 50)')
    .option('--cursor <cursor>', 'the page after the one that printed this cursor');
  add(
    jobs,
    'show <id>',
    'show one copy: counters, stages, problems',
    'causeway jobs show 1a2b3c4d',
    async () => (await import('./commands/jobs.ts')).jobsShow,
  );
  add(
    jobs,
    'wait <id>',
    'wait for the end of a copy; exits as it ended',
    'causeway jobs wait 1a2b3c4d',
    async () => (await import('./commands/jobs.ts')).jobsWait,
  ).option('--quiet', 'no progress');
  add(
    jobs,
    'pause <id>',
    'stop a copy where it is, or take it out of the queue, until it is resumed',
    'causeway jobs pause 1a2b3c4d',
    async () => (await import('./commands/jobs.ts')).jobsPause,
  );
  add(
    jobs,
    'resume <id>',
    'put a paused or interrupted copy into the queue again; it goes on where it was',
    'causeway jobs resume 1a2b3c4d',
    async () => (await import('./commands/jobs.ts')).jobsResume,
  );
  add(
    jobs,
    'cancel <id>',
    'end a copy and remove what it left',
    'causeway jobs cancel 1a2b3c4d',
    async () => (await import('./commands/jobs.ts')).jobsCancel,
  );
  add(
    jobs,
    'undo <id>',
    'take back what a copy did: what it replaced stands there again, what it made is gone; what was changed since is left and listed',
    'causeway jobs undo 1a2b3c4d',
    async () => (await import('./commands/jobs.ts')).jobsUndo,
  ).option('--detach', 'do not wait for the end; it goes on, also when its machine is back later only');
}
