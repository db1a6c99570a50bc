import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KernelMount, TakeBytes } from '../../world/mounts.ts';
import { FarMount } from './far_mount.ts';
import { IN_HEADER_BYTES, MAJOR, OP } from './protocol.ts';

const INIT_IN_BYTES = 64;

/** What a mount says of itself whose kernel speaks that version. */
async function helloOf(minor: number) {
  const ended = Promise.withResolvers<null>();
  let take: TakeBytes = () => assert.fail('it was not started');
  const kernel: KernelMount = {
    mountpoint: '/place',
    owner: { userId: 1, groupId: 2 },
    start: (taking) => {
      take = taking;
    },
    answer: () => undefined,
    notify: (_bytes, done) => done?.(),
    readAhead: () => undefined,
    ended: ended.promise,
    close: async () => ended.resolve(null),
  };
  // its waits end with the mount
  const sleep = (_ms: number, signal?: AbortSignal) =>
    new Promise<void>((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
  const clock = { monotonicMs: () => 0, wallMs: () => 0, sleep };
  const mount = new FarMount(kernel, { clock, hasAcls: false });
  const init = new DataView(new ArrayBuffer(IN_HEADER_BYTES + INIT_IN_BYTES));
  init.setUint32(0, init.byteLength, true);
  init.setUint32(4, OP.init, true);
  init.setUint32(IN_HEADER_BYTES, MAJOR, true);
  init.setUint32(IN_HEADER_BYTES + 4, minor, true);
  take(new Uint8Array(init.buffer), () => undefined);
  try {
    return await mount.hello();
  } finally {
    await mount.close();
  }
}

it('only a kernel that can forget a name and nothing below it hears of changes', async () => {
  const owner = { userId: 1, groupId: 2 };
  assert.deepEqual(await helloOf(37), { owner, begins: true, hears: false });
  assert.deepEqual(await helloOf(38), { owner, begins: true, hears: true });
});
