import { Command, CommanderError } from 'commander';
import { parseHostPort } from '../base/address.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseName, resolveAbsolute } from '../base/path.ts';
import { keepCompiledCode } from '../world/node/compiled_code.ts';
import { createNodeCryptography } from '../world/node/cryptography.ts';
import { defaultDataDirectory, makeDataDirectory } from '../world/node/data_directory.ts';
import { createNodeMounts } from '../world/node/mounts.ts';
import { lowerThreadPriority } from '../world/node/priority.ts';
import { processTerminal, tellReady } from '../world/node/terminal.ts';
import { createNodeWorld } from '../world/node/world.ts';
import type { World } from '../world/world.ts';
import { Agent, type AgentChannel } from './agent.ts';
import { DISK_THREAD } from './disk_thread_module.ts';
import { LANE_THREAD } from './lane_thread_module.ts';
import { isApart } from './modest_world.ts';
import { MOUNT_FRONT_THREAD } from './mount_front_thread_module.ts';
import { MOUNT_READ_THREAD } from './mount_read_thread_module.ts';
import { MOUNT_SERVE_THREAD } from './mount_serve_thread_module.ts';
import { SelfUpdate } from './update/self_update.ts';

export const AGENT_VERSION = '0.1.0';

const HELP = `
Example:
  causeway-agent run --serial /dev/virtio-ports/org.causeway.0

Exit codes: 0 done, 1 failed, 2 usage, 4 refused by the host.`;

/** Runs the agent's command line in the world that `makeWorld` gives, the real one by default; the exit code. */
export async function runAgentCli(
  argv: readonly string[],
  makeWorld: () => World = () => createNodeWorld({ threads: DISK_THREAD, lanes: LANE_THREAD }),
): Promise<number> {
  const terminal = processTerminal();
  let exitCode = 0;
  const program = new Command('causeway-agent')
    .description('The part of Causeway that runs in a virtual machine.')
    .version(AGENT_VERSION)
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err });
  program
    .command('run')
    .description('serve the host until stopped')
    .option('--serial <device>', 'virtio-serial port that the host opens')
    .option('--tcp <host:port>', 'dial the host there (the first time with --token)')
    .option('--token <token>', 'what `causeway vm pair` printed')
    .option('--listen <host:port>', 'listen there; prints a token when no host is paired yet')
    .option('--unix <socket>', 'listen on a Unix socket')
    .option('--stdio', 'serve on stdin and stdout')
    .option('--trust-carrier', 'no TLS: the channel itself is trusted (local socket, ssh)')
    .option(
      '--no-update',
      'take no newer agent over the link (`causeway vm update`), and use what is installed',
    )
    .option(
      '--trial-seconds <n>',
      'how long such an agent may take to be linked before this one is used again (5 to 120; default: 45)',
    )
    .option('--data <dir>', 'data directory (default: the usual place; CAUSEWAY_AGENT_DATA)')
    .option('--ready-fd <n>', 'write a line of JSON to this descriptor once the agent serves')
    .addHelpText('after', HELP)
    .action(async (options: Record<string, unknown>) => {
      exitCode = await run(options, argv, { terminal, world: makeWorld() });
    });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (failure) {
    if (failure instanceof CommanderError) return failure.exitCode === 0 ? 0 : 2;
    const error = asCausewayError(failure);
    terminal.err(`causeway-agent: ${error.message}\n  ${error.help}\n  (${error.code})\n`);
    return error.exit;
  }
}

type Terminal = ReturnType<typeof processTerminal>;

async function run(
  options: Record<string, unknown>,
  argv: readonly string[],
  { terminal, world }: { terminal: Terminal; world: World },
): Promise<number> {
  const named = (options['data'] as string | undefined) ?? terminal.env['CAUSEWAY_AGENT_DATA'];
  const dataDirectory =
    named === undefined ? defaultDataDirectory(true) : resolveAbsolute(terminal.cwd, named);
  const channel = channelOf(options, terminal.cwd);
  makeDataDirectory(dataDirectory);
  // this thread moves what goes over a single pipe; all that it starts comes after the machine's own work as well
  if (isApart(channel)) lowerThreadPriority('polite');
  const buildId = terminal.env['CAUSEWAY_AGENT_BUILD'] || AGENT_VERSION;
  const log = (line: string) => terminal.err(`causeway-agent: ${line}\n`);
  const readyFd = options['readyFd'] === undefined ? null : Number(options['readyFd']);
  const self = await SelfUpdate.start({
    world,
    dataDirectory,
    build: { version: AGENT_VERSION, id: buildId },
    start: { args: argv, readyFd, isCounted: channel.kind === 'stdio' },
    isFixed: options['update'] === false,
    trialMs: trialMsOf(options['trialSeconds']),
    log,
  });
  const agent = await Agent.start({
    world,
    crypto: createNodeCryptography(),
    mounts: createNodeMounts({
      reading: MOUNT_READ_THREAD,
      serving: MOUNT_SERVE_THREAD,
      front: MOUNT_FRONT_THREAD,
    }),
    dataDirectory,
    buildId,
    channel,
    trustCarrier: options['trustCarrier'] === true,
    onLinked: async (host) => {
      await self?.linked(host);
      await endTrial(world, terminal.env['CAUSEWAY_AGENT_TRIAL']);
    },
    ...(self !== null && { methods: (host: () => string | null) => self.updates.methods(host) }),
    log,
  });
  if (self !== null) self.serving = agent.ready;
  await tell(agent, terminal, readyFd);
  keepCompiledCode();
  return serve(agent, self, { terminal, world });
}

/** Until it is stopped, or makes room for a build that has come. */
async function serve(
  agent: Agent,
  self: SelfUpdate | null,
  { terminal, world }: { terminal: Terminal; world: World },
): Promise<number> {
  const interrupted = new Promise<'stopped'>((resolve) =>
    terminal.interrupted.addEventListener('abort', () => resolve('stopped'), { once: true }),
  );
  const asked = self?.updates.asked.then(() => 'asked' as const);
  let end: 'stopped' | 'asked' | undefined;
  try {
    end = (await Promise.race([interrupted, agent.finished, ...(asked ? [asked] : [])])) ?? undefined;
    if (end === 'asked') await world.clock.sleep(LIMITS.agentAnswerGraceMs.value);
  } finally {
    await agent.close();
  }
  if (end === 'asked') await self?.carryOut(terminal.interrupted);
  await self?.close();
  return 0;
}

async function tell(agent: Agent, terminal: Terminal, readyFd: number | null): Promise<void> {
  const { address, token, fingerprint } = agent.ready;
  if (address !== null) terminal.err(`listening on ${address}\n`);
  if (token !== null)
    terminal.err(
      `pair this machine on its host, within 15 minutes:\n  causeway vm add NAME --tcp ${address} --token ${token}\n`,
    );
  if (readyFd !== null)
    await tellReady(readyFd, JSON.stringify({ ready: true, fingerprint, address, token }));
}

/** A build that got a link is good: the launcher goes back to the one before no more. */
async function endTrial(world: World, mark: string | undefined): Promise<void> {
  if (!mark) return;
  const cut = mark.lastIndexOf('/');
  await using folder = await world.disk.openRoot(mark.slice(0, cut));
  try {
    await folder.removeFile(parseName(mark.slice(cut + 1)));
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_NOT_FOUND') throw failure; // an earlier link has done it
  }
}

function trialMsOf(option: unknown): number {
  if (option === undefined) return LIMITS.agentTrialMs.value;
  const seconds = Number(option);
  if (Number.isInteger(seconds) && seconds >= 5 && seconds <= 120) return seconds * 1000;
  throw new CausewayError('CW_USAGE', '--trial-seconds takes a whole number from 5 to 120');
}

function channelOf(options: Record<string, unknown>, cwd: string): AgentChannel {
  const found: AgentChannel[] = [];
  const text = (name: string) => (options[name] === undefined ? null : String(options[name]));
  const serial = text('serial');
  const unix = text('unix');
  const listen = text('listen');
  const tcp = text('tcp');
  if (serial !== null) found.push({ kind: 'serial', device: resolveAbsolute(cwd, serial) });
  if (unix !== null) found.push({ kind: 'unix', path: resolveAbsolute(cwd, unix) });
  if (listen !== null) found.push({ kind: 'listen', ...parseHostPort(listen, '--listen', 'listen') });
  if (tcp !== null) found.push({ kind: 'tcp', ...parseHostPort(tcp, '--tcp', 'dial'), token: text('token') });
  if (options['stdio'] === true) found.push({ kind: 'stdio' });
  const [channel, another] = found;
  if (!channel || another)
    throw new CausewayError(
      'CW_USAGE',
      'say how the host is reached with one of --serial, --tcp, --listen, --unix, --stdio',
    );
  if (options['trustCarrier'] === true && (channel.kind === 'tcp' || channel.kind === 'listen')) {
    throw new CausewayError(
      'CW_USAGE',
      'a TCP connection is always encrypted: --trust-carrier is for local channels and commands',
    );
  }
  return channel;
}
