/**
 * The machine's "two processes / one" ratio: how much work two CPU-bound processes do together, against one alone.
 * 2 means two full processors, 1 means that both share one (as two virtual processors on one core do at times,
 * which steal time does not show). Work is AES-256-GCM over 64 KiB, the mix that the encrypted peers run.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const SPIN_MS = 300;

const SPINNER = `
const { createCipheriv } = require('node:crypto');
const key = Buffer.alloc(32), iv = Buffer.alloc(12), block = Buffer.alloc(65536);
const work = () => createCipheriv('aes-256-gcm', key, iv).update(block);
for (let i = 0; i < 50; i++) work();
process.stdout.write('ready\\n');
process.stdin.once('data', () => {
  const end = performance.now() + ${SPIN_MS};
  let rounds = 0;
  while (performance.now() < end) { work(); rounds++; }
  process.stdout.write(rounds + '\\n', () => process.exit(0));
});`;

interface Spinner {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

async function spawnSpinner(): Promise<Spinner> {
  const child = spawn(process.execPath, ['-e', SPINNER], { stdio: ['pipe', 'pipe', 'inherit'] });
  if (child.stdout === null) throw new Error('the spin probe has no output');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  await lines.next();
  return { child, lines };
}

async function spin(count: number): Promise<number> {
  const spinners = await Promise.all(Array.from({ length: count }, spawnSpinner));
  const ended = spinners.map(({ child }) => once(child, 'exit'));
  for (const { child } of spinners) child.stdin?.write('go\n');
  const rounds = await Promise.all(spinners.map(async ({ lines }) => Number((await lines.next()).value)));
  await Promise.all(ended);
  return rounds.reduce((sum, n) => sum + n, 0);
}

/** Takes about a second: alone, two together, alone again. Other load on the machine lowers or raises it: it says how steady the round was. */
export async function twoToOneRatio(): Promise<number> {
  const before = await spin(1);
  const two = await spin(2);
  const after = await spin(1);
  return (2 * two) / (before + after);
}
