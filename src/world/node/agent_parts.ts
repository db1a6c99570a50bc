import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createGzip } from 'node:zlib';
import { CausewayError } from '../../base/errors.ts';
import { runNodeCommand } from './command.ts';

/** A file of a part: bytes, or the path of a large one. */
export interface PartFile {
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array | { readonly path: string };
}

export interface PackedPart {
  readonly id: string;
  readonly archivePath: string;
  readonly sha256: string;
  readonly archiveBytes: number;
  readonly unpackedBytes: number;
}

const HASH_DIGITS = 16;
/** Of the runtime, half the time of the usual 6 for 51 MB instead of 49. */
const GZIP_LEVEL = 4;
const TAR_BLOCK_BYTES = 512;
const BUILD_LIMIT_MS = 120_000;

/**
 * Packs files and their SHA256SUMS as `<prefix>-<hash>.tar.gz` into `folder`; what lies there of the same content is
 * taken as it is. The archive is the same for the same content.
 */
export async function packPart(
  folder: string,
  prefix: string,
  files: readonly PartFile[],
): Promise<PackedPart> {
  const sums: string[] = [];
  for (const { name, content } of files) sums.push(`${await sha256Of(content)}  ${name}\n`);
  const list = Buffer.from(sums.join(''));
  const id = `${prefix}-${createHash('sha256').update(list).digest('hex').slice(0, HASH_DIGITS)}`;
  const all: PartFile[] = [...files, { name: 'SHA256SUMS', mode: 0o644, content: list }];
  const archivePath = join(folder, `${id}.tar.gz`);
  if (!fs.existsSync(archivePath)) {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    await writeArchive(archivePath, all);
  }
  return {
    id,
    archivePath,
    sha256: await sha256Of({ path: archivePath }),
    archiveBytes: fs.statSync(archivePath).size,
    unpackedBytes: all.reduce((sum, file) => sum + sizeOf(file), 0),
  };
}

/** Whole under its name, or not at all. */
async function writeArchive(archivePath: string, files: readonly PartFile[]): Promise<void> {
  const temporary = `${archivePath}.${process.pid}`;
  try {
    await pipeline(
      tar(files),
      createGzip({ level: GZIP_LEVEL }),
      fs.createWriteStream(temporary, { mode: 0o600, flush: true }),
    );
    fs.renameSync(temporary, archivePath);
  } catch (thrown) {
    fs.rmSync(temporary, { force: true });
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new CausewayError('CW_AGENT_BUILD', `cannot pack the agent into ${archivePath}: ${why}`);
  }
}

/** POSIX.1-1988 `ustar`: names below 100 bytes, sizes below 8 GiB. */
async function* tar(files: readonly PartFile[]): AsyncGenerator<Uint8Array> {
  for (const file of files) {
    yield tarHeader(file);
    if (file.content instanceof Uint8Array) yield file.content;
    else yield* fs.createReadStream(file.content.path, { highWaterMark: 1024 * 1024 });
    yield new Uint8Array((TAR_BLOCK_BYTES - (sizeOf(file) % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
  }
  yield new Uint8Array(2 * TAR_BLOCK_BYTES);
}

function tarHeader(file: PartFile): Uint8Array {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  header.write(file.name, 0, 'latin1');
  octal(file.mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(sizeOf(file), 124, 11);
  octal(0, 136, 11);
  header.write('        0', 148, 'latin1'); // the sum counts its own field as blanks; type: file
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function sizeOf({ content }: PartFile): number {
  return content instanceof Uint8Array ? content.byteLength : fs.statSync(content.path).size;
}

async function sha256Of(content: PartFile['content']): Promise<string> {
  const hash = createHash('sha256');
  if (content instanceof Uint8Array) return hash.update(content).digest('hex');
  for await (const piece of fs.createReadStream(content.path, { highWaterMark: 1024 * 1024 }))
    hash.update(piece);
  return hash.digest('hex');
}

/** The Node that runs this very program. */
export function ownRuntime(): { readonly path: string; readonly version: string; readonly arch: string } {
  return { path: fs.realpathSync(process.execPath), version: process.versions.node, arch: process.arch };
}

/**
 * The agent as one module: the one that is named, or the built one beside this program, or in a checkout one made of its sources. CW_AGENT_BUILD.
 */
export async function agentModule(folder: string, modulePath?: string): Promise<Uint8Array> {
  if (modulePath !== undefined) return readModule(modulePath);
  const here = dirname(fileURLToPath(import.meta.url));
  const root = basename(here) === 'dist' ? dirname(here) : dirname(dirname(dirname(here)));
  if (basename(here) === 'dist') return readModule(join(here, 'causeway-agent.mjs'));
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const output = join(folder, `agent-${process.pid}.mjs`);
  const argv = [process.execPath, join(root, 'scripts/bundle_agent.ts'), output];
  try {
    const { exitCode, stderr } = await runNodeCommand({ argv, idleTimeoutMs: BUILD_LIMIT_MS });
    if (exitCode !== 0)
      throw new CausewayError('CW_AGENT_BUILD', `building the agent failed: ${stderr.trim()}`);
    return readModule(output);
  } finally {
    fs.rmSync(output, { force: true });
  }
}

function readModule(path: string): Uint8Array {
  try {
    return fs.readFileSync(path);
  } catch {
    throw new CausewayError('CW_AGENT_BUILD', `there is no built agent at ${path}`); // absent, or not to be read: the same for the user
  }
}

/** Removes archives of other contents: nobody asks for them again. */
export function forgetOtherParts(folder: string, keep: readonly string[]): void {
  for (const name of fs.readdirSync(folder))
    if (name.endsWith('.tar.gz') && !keep.includes(name.slice(0, -'.tar.gz'.length)))
      fs.rmSync(join(folder, name), { force: true });
}

/** What a built agent says its version is: the proof that it starts at all. CW_AGENT_BUILD. */
export async function moduleVersion(folder: string, module: Uint8Array): Promise<string> {
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const place = fs.mkdtempSync(join(folder, 'look-'));
  try {
    const file = join(place, 'causeway-agent.mjs');
    fs.writeFileSync(file, module);
    const argv = [process.execPath, '--disable-warning=ExperimentalWarning', file, '--version'];
    const { exitCode, stdout, stderr } = await runNodeCommand({ argv, idleTimeoutMs: BUILD_LIMIT_MS });
    const version = stdout.trim();
    if (exitCode === 0 && /^\d+\.\d+\.\d+$/.test(version)) return version;
    throw new CausewayError(
      'CW_AGENT_BUILD',
      `the built agent does not start here (${stderr.trim().split('\n').at(-1) ?? ''})`,
    );
  } finally {
    fs.rmSync(place, { recursive: true, force: true });
  }
}
