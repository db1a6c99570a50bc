import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { abortReason } from '../../base/signal.ts';
import type { Conn } from '../net.ts';
import type { DialOptions } from './dial_socket.ts';
import { enableDirectReads } from './direct_reads.ts';
import { Inbox } from './inbox.ts';
import { linkError } from './net_errors.ts';
import { plainPeer, SocketConn } from './socket_conn.ts';
import { within } from './within.ts';

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

/** A command whose stdin and stdout are a connection. */
class Carrier {
  readonly child: Child;
  readonly #command: string;
  readonly #ended: Promise<void>;
  #lastWords = Buffer.alloc(0);

  constructor(argv: readonly string[]) {
    const [program = '', ...rest] = argv;
    this.#command = argv.join(' ');
    // its own process group, so that closing reaches what a shell in between has started
    const detached = process.platform !== 'win32';
    this.child = spawn(program, rest, { stdio: ['pipe', 'pipe', 'pipe'], detached, windowsHide: true });
    this.child.stderr.on('data', (bytes: Buffer) => {
      this.#lastWords = Buffer.concat([this.#lastWords, bytes]).subarray(-LIMITS.execStderrMaxBytes.value);
    });
    this.child.stderr.on('error', () => undefined); // only the error text suffers
    this.#ended = new Promise((resolve) => {
      this.child.once('close', () => resolve());
      this.child.once('error', () => resolve());
    });
  }

  /** Waits a moment for the exit code and the last words; null where the command ended well, or still runs. */
  async explain(): Promise<CausewayError | null> {
    await within(this.#ended, LIMITS.execEndGraceMs.value);
    const { exitCode, signalCode } = this.child;
    if (exitCode === 0 || (exitCode === null && signalCode === null)) return null;
    const how = signalCode === null ? `ended with exit code ${exitCode}` : `was ended by ${signalCode}`;
    const words = this.#lastWords.toString('utf8').trim();
    const text = `the command \`${this.#command}\` ${how}${words === '' ? '' : `: ${words}`}`;
    return new CausewayError('CW_LINK_CLOSED', text);
  }

  async kill(): Promise<void> {
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) break;
      this.#signal(signal);
      await within(this.#ended, LIMITS.execKillGraceMs.value);
    }
    this.child.stderr.destroy();
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.child;
    if (pid === undefined) return;
    try {
      process.kill(process.platform === 'win32' ? pid : -pid, signal);
    } catch {
      this.child.kill(signal); // the group is gone or not ours: the command itself is what counts
    }
  }
}

/**
 * Starts a command and talks to it through its stdin and stdout. Resolves once it runs; CW_LINK_REFUSED where it cannot
 * be started. When it dies, reads and writes reject with its exit code and the last words of its stderr.
 */
export async function dialExec(argv: readonly string[], options: DialOptions): Promise<Conn> {
  if (options.signal?.aborted) throw abortReason(options.signal);
  if (argv.length === 0 || argv[0] === '') throw new CausewayError('CW_USAGE', 'the command to run is empty');
  const carrier = new Carrier(argv);
  const { stdin, stdout } = carrier.child;
  const inbox = new Inbox();
  enableDirectReads(stdout as Socket, inbox);
  const conn = new SocketConn({
    input: stdout,
    output: stdin,
    inbox,
    peer: plainPeer(`exec ${argv.join(' ')}`),
    explain: () => carrier.explain(),
    release: () => carrier.kill(),
  });
  try {
    await new Promise<void>((resolve, reject) => {
      carrier.child.once('spawn', resolve).on('error', reject);
    });
    return conn;
  } catch (thrown) {
    await conn.close();
    throw linkError('CW_LINK_REFUSED', `cannot start \`${argv.join(' ')}\``, thrown);
  }
}
