import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { offersPump } from './pump.ts';

const THREAD = `
import { parentPort, workerData } from 'node:worker_threads';
import fs from 'node:fs';
const { Pump } = await import(workerData);
const pump = new Pump();
const heard = [];
pump.after(5, () => heard.push('timer'));
parentPort.on('message', (word) => {
  heard.push(word);
  fs.stat('/', () => {
    heard.push('stat');
    pump.after(1, () => pump.end());
  });
});
pump.after(10, () => parentPort.postMessage('running'));
await pump.run();
pump.after(1, () => {
  parentPort.postMessage(heard);
  parentPort.close();
});
`;

const skip = offersPump() ? false : 'needs a Node that shows its event loop';

it('a thread that polls hears messages, timers and what the system has done', { skip }, async () => {
  const url = new URL(`data:text/javascript,${encodeURIComponent(THREAD)}`);
  const worker = new Worker(url, { workerData: new URL('./pump.ts', import.meta.url).href });
  try {
    const heard = await new Promise<unknown>((resolve, reject) => {
      worker.on('error', reject);
      worker.on('message', (word) => (word === 'running' ? worker.postMessage('message') : resolve(word)));
    });
    assert.deepEqual(heard, ['timer', 'message', 'stat']);
  } finally {
    await worker.terminate();
  }
});
