// Stands for the agent: imports the program's own code and, through it, a native package. Prints one JSON line.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { hashBytes } from '../../src/base/hash.ts';

const hash = Buffer.from(hashBytes(Buffer.from('abc'))).toString('hex');

/** The same file in a second thread: a native module must load there too. */
async function hashInWorker(): Promise<string> {
  const worker = new Worker(new URL(import.meta.url));
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  worker.once('message', resolve);
  worker.once('error', reject);
  return promise;
}

if (isMainThread) {
  const args = process.argv.slice(2);
  const workerHash = args.includes('--worker') ? await hashInWorker() : null;
  process.stdout.write(`${JSON.stringify({ hash, workerHash, args, execArgv: process.execArgv })}\n`);
} else {
  parentPort?.postMessage(hash);
}
