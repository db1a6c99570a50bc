import { type ChildProcess, spawn } from 'node:child_process';
import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { SmbFiles, SmbLog, SmbPlace, SmbPrograms, SmbServer } from '../smb.ts';
import { runNodeCommand } from './command.ts';
import { FollowedFile } from './followed_file.ts';
import { peerOfProcess } from './process_peer.ts';
import { within } from './within.ts';

/** Where Debian, Fedora and SUSE put it; it lets a process have users that are not of this machine. */
const WRAPPERS = [
  '/usr/lib/x86_64-linux-gnu/libnss_wrapper.so',
  '/usr/lib/aarch64-linux-gnu/libnss_wrapper.so',
  '/usr/lib64/libnss_wrapper.so',
  '/usr/lib/libnss_wrapper.so',
];
const PROGRAMS = ['smbd', 'smbpasswd', 'smbcontrol', 'setpriv'];
/** Programs of administrators are not in everybody's PATH. */
const SEARCH = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;
const ASK_MS = 100;

/** Samba as it is installed here; Linux, and as root. */
export const nodeSmbPrograms: SmbPrograms = {
  clientOf: peerOfProcess,
  missing,
  freePort,
  async start(place, files, log) {
    const server = new Smbd(place, log);
    await server.start(files);
    return server;
  },
  async setPassword(place, files, { name, password }) {
    writeFiles(place, files);
    if (password !== null) await checkReach(place, files, name);
    const change = password === null ? ['-x', name] : ['-s', '-a', name];
    const inputText = password === null ? '' : `${password}\n${password}\n`;
    await run([...prefix(place), 'smbpasswd', '-c', configPath(place), ...change], inputText);
  },
};

/** Its clients act as the owner of a folder, who may not be allowed where root is. */
async function checkReach(
  { directory }: SmbPlace,
  { folders, passwd }: SmbFiles,
  name: string,
): Promise<void> {
  const path = folders.find((folder) => folder.name === name)?.path ?? directory;
  const line = passwd.split('\n').find((text) => text.startsWith(`${name}:`)) ?? '';
  const [, , userId = '', groupId = ''] = line.split(':');
  const asOwner = ['setpriv', '--reuid', userId, '--regid', groupId, '--clear-groups', 'test', '-x', path];
  const argv = ['env', `PATH=${SEARCH}`, ...asOwner];
  const { exitCode } = await runNodeCommand({ argv, idleTimeoutMs: LIMITS.commandTimeoutMs.value });
  if (exitCode === 0) return;
  throw new CausewayError(
    'CW_SHARE_SMB',
    `the owner of ${path} (user id ${userId}) cannot reach it, and clients of SMB act as its owner: look at the permissions of the folders above it`,
  );
}

function missing(): string | null {
  if (process.platform !== 'linux') return 'SMB is served on Linux';
  if (process.getuid?.() !== 0)
    return 'SMB is served by a daemon that runs as root: Samba changes to the users of its clients';
  const absent = PROGRAMS.filter(
    (name) => !SEARCH.split(delimiter).some((folder) => isThere(join(folder, name), true)),
  );
  if (wrapperPath() === null) absent.push('libnss_wrapper.so');
  if (absent.length === 0) return null;
  return `SMB needs ${absent.join(', ')}: install the packages samba and libnss-wrapper`;
}

function isThere(path: string, isProgram: boolean): boolean {
  try {
    accessSync(path, isProgram ? constants.X_OK : constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function wrapperPath(): string | null {
  return WRAPPERS.find((path) => isThere(path, false)) ?? null;
}

function freePort(host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const probe = createServer();
  probe.once('error', (failure: NodeJS.ErrnoException) => {
    const code = failure.code === 'EADDRINUSE' ? 'CW_LINK_BUSY' : 'CW_LINK_REFUSED';
    reject(new CausewayError(code, `SMB cannot be served at ${host}:${port} (${failure.code})`));
  });
  probe.listen({ host, port, exclusive: true }, () => {
    const address = probe.address();
    probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
  });
  return promise;
}

function configPath({ directory }: SmbPlace): string {
  return join(directory, 'smb.conf');
}

/** A program with the users of the server in place of those of the machine. */
function prefix({ directory }: SmbPlace): string[] {
  return [
    'env',
    `PATH=${SEARCH}`,
    `LD_PRELOAD=${wrapperPath() ?? ''}`,
    `NSS_WRAPPER_PASSWD=${join(directory, 'passwd')}`,
    `NSS_WRAPPER_GROUP=${join(directory, 'group')}`,
  ];
}

async function run(argv: readonly string[], inputText = ''): Promise<void> {
  const { exitCode, stdout, stderr } = await runNodeCommand({
    argv,
    inputText,
    idleTimeoutMs: LIMITS.commandTimeoutMs.value,
  });
  if (exitCode === 0) return;
  throw new CausewayError('CW_SHARE_SMB', `Samba refuses: ${(stderr || stdout).trim().slice(-500)}`);
}

/** Each file is there in its old or its new form, whenever a process of Samba reads it. */
function writeFiles({ directory }: SmbPlace, { config, passwd, group, folders }: SmbFiles): void {
  const mode = 0o700;
  for (const folder of [directory, join(directory, 'state'), join(directory, 'folders')])
    mkdirSync(folder, { recursive: true, mode });
  const linkFolder = join(directory, 'folders');
  for (const { name, path } of folders) {
    const link = join(linkFolder, name);
    rmSync(`${link}.new`, { force: true });
    symlinkSync(path, `${link}.new`);
    renameSync(`${link}.new`, link);
  }
  const names = new Set(folders.map(({ name }) => name));
  for (const name of readdirSync(linkFolder)) if (!names.has(name)) rmSync(join(linkFolder, name));
  for (const [name, text] of [
    ['passwd', passwd],
    ['group', group],
    ['smb.conf', config],
  ] as const) {
    const path = join(directory, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}

class Smbd implements SmbServer {
  readonly #place: SmbPlace;
  readonly #end = Promise.withResolvers<string>();
  #child: ChildProcess | null = null;
  #words = Buffer.alloc(0);

  readonly #log: SmbLog;

  constructor(place: SmbPlace, log: SmbLog) {
    this.#place = place;
    this.#log = log;
  }

  get ended(): Promise<string> {
    return this.#end.promise;
  }

  async start(files: SmbFiles): Promise<void> {
    writeFiles(this.#place, files);
    const log = new FollowedFile(this.#log.path, this.#log.take);
    void this.ended.then(() => log.close());
    const [program = '', ...rest] = ['setpriv', '--pdeathsig', 'KILL', ...prefix(this.#place), 'smbd'];
    const child = spawn(program, [...rest, '-F', '--no-process-group', '-s', configPath(this.#place)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: '/',
      detached: true, // at its end smbd ends all of its process group
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (piece: Buffer) => {
        this.#words = Buffer.concat([this.#words, piece]).subarray(-LIMITS.execStderrMaxBytes.value);
      });
    child.once('error', (failure) => this.#end.resolve(failure.message));
    child.once('exit', (code, signal) => {
      const words = `${this.#words.toString('utf8').trim().slice(-500)} (${code ?? signal})`.trim();
      void groupGone(child).then(() => this.#end.resolve(words));
    });
    await this.#listening();
  }

  async apply(files: SmbFiles, closeShares: readonly string[]): Promise<void> {
    writeFiles(this.#place, files);
    const tell = (...words: string[]) =>
      run([...prefix(this.#place), 'smbcontrol', '-s', configPath(this.#place), 'smbd', ...words]);
    await tell('reload-config');
    for (const name of closeShares) await tell('close-share', name);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await within(
      this.ended.then(() => undefined),
      LIMITS.execKillGraceMs.value,
    );
    child.kill('SIGKILL');
    await this.ended;
  }

  /** It says nothing when it is ready: its port does. */
  async #listening(): Promise<void> {
    const { host, port } = this.#place;
    const untilMs = performance.now() + LIMITS.smbStartMs.value;
    let words: string | null = null;
    void this.ended.then((said) => {
      words = said;
    });
    while (!(await accepts(host, port))) {
      if (words === null && performance.now() < untilMs) {
        await wait(ASK_MS);
        continue;
      }
      await this.stop();
      throw new CausewayError('CW_SHARE_SMB', `Samba does not start: ${words ?? 'it accepts no connection'}`);
    }
  }
}

/** Those that served its clients go too: one that is left would hold the state that the next server begins with. */
async function groupGone({ pid = 0 }: ChildProcess): Promise<void> {
  const untilMs = performance.now() + LIMITS.execKillGraceMs.value;
  while (pid > 0 && performance.now() < untilMs) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      return; // nobody is left
    }
    await wait(10);
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const target = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const socket = createConnection({ host: target, port });
  socket.once('connect', () => {
    socket.destroy();
    resolve(true);
  });
  socket.once('error', () => resolve(false));
  return promise;
}
