/** `npm run bench -- api`: how long answers take while a bulk copy runs. */
import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { bundleInParts } from '../scripts/bundle.ts';
import { Rig } from '../test/interop/rig.ts';

export interface ApiBenchOptions {
  readonly clients: number;
  readonly seconds: number;
  readonly statusRuns: number;
}

export const API_BENCH: ApiBenchOptions = { clients: 50, seconds: 20, statusRuns: 100 };
const POLL_MS = 1_000;
const PATHS = ['/api/v1/status', '/api/v1/jobs?limit=20', '/api/v1/vms'];
const MIB = 1 << 20;
const FILE_BYTES = 1024 * MIB;
const TARGETS_MS = { api: 200, status: 100 };

/** The smallest value that `share` of all do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

export async function benchApi({ clients, seconds, statusRuns }: ApiBenchOptions): Promise<number> {
  await using rig = await Rig.start({ up: ['--web', '127.0.0.1:0'] });
  const base = await consoleOf(rig);
  const token = await tokenOf(rig);
  const source = join(rig.hostFiles, 'bulk');
  fill(source);
  const idle = await poll(base, token, clients, Math.min(5, seconds));
  print('API, idle', idle, null);
  const stop = new AbortController();
  const copying = copyOn(rig, source, stop.signal);
  const busy = await poll(base, token, clients, seconds);
  print(`API, ${clients} clients poll while a bulk copy runs`, busy, TARGETS_MS.api);
  await bundleInParts('src/cli/main.ts', rig.folder, 'causeway');
  const program = join(rig.folder, 'causeway.mjs');
  const status = [
    '--disable-warning=ExperimentalWarning',
    program,
    '--data',
    join(rig.folder, 'host'),
    'status',
  ];
  await runNode(status);
  const runs: number[] = [];
  const bare: number[] = [];
  for (let run = 0; run < statusRuns; run += 1) {
    runs.push(await timed(() => runNode(status)));
    bare.push(await timed(() => runNode(['-e', '0'])));
  }
  print('causeway status, the whole process, while a bulk copy runs', runs, TARGETS_MS.status);
  print('a process of Node that does nothing, in turn with it', bare, null);
  const asked: number[] = [];
  for (let run = 0; run < statusRuns; run += 1) asked.push(await timed(() => rig.client.call('status', {})));
  print('causeway status, without the start of its process', asked, TARGETS_MS.status);
  stop.abort();
  const load = loadavg()[0]?.toFixed(1);
  process.stdout.write(`load of the machine ${load}, of ${availableParallelism()} processors\n`);
  process.stdout.write(`meanwhile ${await copying} copies of ${FILE_BYTES / MIB} MiB ended\n`);
  return 0;
}

function print(what: string, values: readonly number[], targetMs: number | null): void {
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => quantile(values, share));
  const figures = `p50 ${p50?.toFixed(1)} ms, p99 ${p99?.toFixed(1)} ms, longest ${max?.toFixed(1)} ms`;
  const verdict =
    targetMs === null ? '' : `; wanted: p99 < ${targetMs} ms: ${(p99 ?? 0) < targetMs ? 'met' : 'missed'}`;
  process.stdout.write(`${what}: ${values.length} answers, ${figures}${verdict}\n`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function consoleOf(rig: Rig): Promise<string> {
  const { web } = await rig.client.call('status', {});
  return web?.url ?? '';
}

async function tokenOf(rig: Rig): Promise<string> {
  const name = 'poller';
  await rig.client.call('addUser', {}, { name, grants: [{ role: 'viewer', scopes: ['*'] }] });
  return (await rig.client.call('createUserToken', { name }, { label: 'bench' })).text;
}

/** Random bytes, so that nothing gets smaller on the way. */
function fill(path: string): void {
  const piece = randomFillSync(Buffer.alloc(4 * MIB));
  const descriptor = openSync(path, 'w');
  for (let at = 0; at < FILE_BYTES; at += piece.byteLength) {
    piece.writeUInt32LE(at / piece.byteLength, 0);
    writeSync(descriptor, piece);
  }
  closeSync(descriptor);
}

/** Copies again and again; the number of copies that ended. */
async function copyOn(rig: Rig, source: string, signal: AbortSignal): Promise<number> {
  for (let ended = 0; ; ended += 1) {
    const target = join(rig.guestFiles, `bulk-${ended}`);
    const { id } = await rig.startJob('in', source, target);
    while ((await rig.job(id)).endedAtMs === null) {
      if (signal.aborted) {
        await rig.client.call('cancelJob', { id });
        return ended;
      }
      await wait(250);
    }
    rmSync(target, { force: true });
  }
}

/** Clients that each ask once a second over a connection of their own; ms of each answer. */
async function poll(base: string, token: string, clients: number, seconds: number): Promise<number[]> {
  const answers: number[] = [];
  const endMs = performance.now() + seconds * 1_000;
  const client = async (number: number): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    await wait((POLL_MS * number) / clients);
    await get(agent, `${base}healthz`, token); // the handshake is no part of an answer
    for (let at = number; performance.now() < endMs; at += 1) {
      const path = PATHS[at % PATHS.length]!.slice(1);
      const tookMs = await timed(() => get(agent, base + path, token));
      answers.push(tookMs);
      await wait(Math.max(0, POLL_MS - tookMs));
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  return answers;
}

function get(agent: Agent, url: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume();
      response.once('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${url}: status ${response.statusCode}`));
      });
    })
      .once('error', reject)
      .end();
  });
}

function runNode(args: readonly string[]): Promise<void> {
  const env = { NODE_COMPILE_CACHE: join(tmpdir(), 'causeway-bench-code'), ...process.env };
  const child = spawn(process.execPath, args, { stdio: 'ignore', env });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`it ended with ${code}`))));
  });
}
