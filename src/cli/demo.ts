import { asCausewayError, CausewayError } from '../base/errors.ts';
import { joinAbsolute } from '../base/path.ts';
import { formatBytes, formatDuration } from '../base/units.ts';
import { DemoProcesses } from '../world/node/demo_processes.ts';
import { processTerminal } from '../world/node/terminal.ts';
import { DaemonClient } from './client.ts';
import { followJob } from './follow.ts';
import { encryptionText } from './vm_text.ts';

const HELP = `npm start [-- --once] [--vm] [--source DIR]

Starts a daemon and a guest agent, each in its own process, pairs them, and copies a real tree into the agent's side:
encrypted, verified, flushed, with live progress. Both keep running until Ctrl-C, so that you can try commands;
with --once the result is the exit code.

  --once        end after the copy
  --vm          with a real machine under QEMU, over its virtio-serial port
  --source DIR  what to copy (default: Causeway's own source tree)
  --json        progress as JSON lines
`;

/** `npm start`: the main job on embedded defaults; the exit code. */
export async function runDemo(argv: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  if (argv.includes('--help')) {
    terminal.out(HELP);
    return 0;
  }
  const json = argv.includes('--json');
  const at = argv.indexOf('--source');
  try {
    await using demo = await DemoProcesses.start();
    const source = at >= 0 ? demo.absolute(argv[at + 1] ?? '') : demo.ownTree;
    return await runCopy(demo, { terminal, json, source, once: argv.includes('--once') });
  } catch (failure) {
    const error = asCausewayError(failure);
    terminal.err(`causeway: ${error.message}\n  ${error.help}\n  (${error.code})\n`);
    return error.exit;
  }
}

interface DemoRun {
  readonly terminal: ReturnType<typeof processTerminal>;
  readonly json: boolean;
  readonly source: string;
  readonly once: boolean;
}

async function runCopy(demo: DemoProcesses, { terminal, json, source, once }: DemoRun): Promise<number> {
  const client = new DaemonClient(demo.hostData);
  await client.call(
    'addVm',
    {},
    { name: 'demo', endpoint: { kind: 'tcp', ...demo.agentAddress }, token: demo.token },
  );
  const destination = joinAbsolute(demo.guestFiles, 'copy');
  if (!json)
    terminal.out(
      `daemon pid ${demo.hostPid}, guest agent pid ${demo.guestPid} at ${demo.agentAddress.host}:${demo.agentAddress.port}\ncopying ${source} → demo:${destination}\n`,
    );
  const { interrupted } = terminal;
  const job = await client.call(
    'startJob',
    {},
    // a guest has a disk of its own: both processes being on this machine is no reason to do without the link
    { direction: 'in', vm: 'demo', sources: [source], destination, direct: 'never' },
  );
  const context = { terminal, json, dataDirectory: demo.hostData, client };
  const code = await followJob(context, job.id, { quiet: false, signal: interrupted });
  if (code !== 0 || interrupted.aborted) return interrupted.aborted ? 130 : code;
  const vm = await client.call('showVm', { name: 'demo' });
  const end = await client.call('showJob', { id: job.id });
  const same = await demo.compare(source, destination);
  if (!same) throw new CausewayError('CW_COPY_VERIFY', `${destination} differs from ${source}`);
  if (!json) {
    terminal.out(
      `${formatBytes(end.durableBytes)} in ${end.doneEntries} entries after ${formatDuration(end.elapsedMs)}; encrypted with ${encryptionText(vm)}; compared again, byte for byte: equal\n`,
    );
  }
  if (once) return 0;
  const { web } = await client.call('status', {});
  const page = web?.welcomeUrl ?? web?.url;
  if (page !== undefined) terminal.out(`\nConsole: ${page}\n`);
  terminal.out(
    `Daemon API: ${client.socketPath}\nTry in another terminal:\n  bin/causeway --data ${demo.hostData} status\n  bin/causeway --data ${demo.hostData} cp README.md demo:${demo.guestFiles}/\nCtrl-C ends both processes.\n`,
  );
  await new Promise<void>((resolve) =>
    interrupted.addEventListener('abort', () => resolve(), { once: true }),
  );
  return 0;
}
