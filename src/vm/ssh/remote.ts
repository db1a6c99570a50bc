import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { CommandResult, RunCommand } from '../../world/command.ts';
import { type SshTarget, shellQuote, sshArgv, sshText } from './ssh_command.ts';
import { SSH_FAILED, sshFailure } from './ssh_failure.ts';

/** What a script said: `cw:name=value` lines, whatever else a login shell prints. */
export type Said = ReadonlyMap<string, readonly string[]>;

/** Why a script gave up, in words. */
const FAILURES: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  home: ['CW_AGENT_PLACE', 'the user has no home there'],
  place: ['CW_AGENT_PLACE', 'nothing can be written there'],
  noexec: ['CW_AGENT_PLACE', 'programs cannot be run from there (mounted noexec?)'],
  write: ['CW_AGENT_PLACE', 'it cannot be written there'],
  damaged: ['CW_AGENT_DAMAGED', 'what arrived has another SHA-256'],
  run: ['CW_AGENT_PLATFORM', 'the agent does not start there'],
};

export interface RemoteCall {
  readonly script: string;
  readonly args: readonly string[];
  readonly inputFile?: string;
  readonly onSent?: (sentBytes: number) => void;
}

/** Scripts on a machine, by ssh. */
export class Remote {
  readonly target: SshTarget;
  readonly #run: RunCommand;
  readonly #signal: AbortSignal | undefined;

  constructor(target: SshTarget, run: RunCommand, signal?: AbortSignal) {
    this.target = target;
    this.#run = run;
    this.#signal = signal;
  }

  /** CW_PROGRAM_MISSING, CW_SSH_*, CW_AGENT_PLACE, CW_AGENT_DAMAGED, CW_TIMEOUT. */
  async call({ script, args, inputFile, onSent }: RemoteCall): Promise<Said> {
    const words = ['exec', 'sh', '-c', script, 'causeway', ...args];
    const remote = words.map((word, at) => (at < 3 ? word : shellQuote(word))).join(' ');
    const result = await this.#run({
      argv: sshArgv(this.target, remote),
      idleTimeoutMs: LIMITS.remoteScriptMs.value,
      ...(inputFile === undefined ? {} : { inputFile }),
      ...(onSent === undefined ? {} : { onSent }),
      ...(this.#signal === undefined ? {} : { signal: this.#signal }),
    });
    const said = parseSaid(result.stdout);
    const failure = said.get('fail')?.[0];
    if (failure !== undefined) throw this.#failed(failure, said, result);
    if (result.exitCode === SSH_FAILED) throw sshFailure(this.target, result);
    if (!said.has('end')) throw this.#broken(result);
    return said;
  }

  #failed(failure: string, said: Said, { stderr }: CommandResult): CausewayError {
    const [code, text] = FAILURES[failure] ?? (['CW_AGENT_PLACE', `it ended with \`${failure}\``] as const);
    const full = /No space left|quota exceeded|File too large/i.test(stderr);
    const where = said.get('base')?.[0];
    const place = where === undefined ? sshText(this.target) : `${where} of ${sshText(this.target)}`;
    return new CausewayError(code, `${place}: ${full ? 'the disk is full' : text}${lastWords(stderr)}`);
  }

  #broken(result: CommandResult): CausewayError {
    const { exitCode, stderr } = result;
    const text = `${sshText(this.target)} ended with exit code ${exitCode ?? 'none'}${lastWords(stderr)}`;
    return new CausewayError('CW_SSH_FAILED', text);
  }
}

function lastWords(stderr: string): string {
  const last = stderr.trim().split(/\r?\n/).at(-1) ?? '';
  return last === '' ? '' : ` (${last})`;
}

function parseSaid(stdout: string): Said {
  const said = new Map<string, string[]>();
  for (const line of stdout.split('\n')) {
    const found = /^cw:(\w+)=(.*)$/.exec(line);
    if (found) said.set(found[1]!, [...(said.get(found[1]!) ?? []), found[2]!]);
  }
  return said;
}
