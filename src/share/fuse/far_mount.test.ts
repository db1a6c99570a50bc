import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { KernelMount, TakeBytes } from '../../world/mounts.ts';
import { FarMount } from './far_mount.ts';
import { IN_HEADER_BYTES, MAJOR, OP } from './protocol.ts';

const INIT_IN_BYTES = 64;
const WRITE_IN_BYTES = 40;

/** A mount, and what gives it requests of a kernel. */
function mountRig(): { mount: FarMount; take: TakeBytes } {
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
  return { mount: new FarMount(kernel, { clock, hasAcls: false }), take };
}

/** What a mount says of itself whose kernel speaks that version. */
async function helloOf(minor: number) {
  const { mount, take } = mountRig();
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

/** A WRITE of that many bytes of that value, as a kernel puts it into `memory`. */
function putWrite(memory: Uint8Array, unique: bigint, sizeBytes: number, value: number): Uint8Array {
  const frame = memory.subarray(0, IN_HEADER_BYTES + WRITE_IN_BYTES + sizeBytes);
  frame.fill(0).fill(value, IN_HEADER_BYTES + WRITE_IN_BYTES);
  const view = new DataView(frame.buffer, frame.byteOffset);
  view.setUint32(0, frame.byteLength, true);
  view.setUint32(4, OP.write, true);
  view.setBigUint64(8, unique, true);
  view.setBigUint64(16, 7n, true);
  view.setUint32(IN_HEADER_BYTES + 16, sizeBytes, true);
  return frame;
}

it('only a kernel that can forget a name and nothing below it hears of changes', async () => {
  const owner = { userId: 1, groupId: 2 };
  assert.deepEqual(await helloOf(37), { owner, begins: true, hears: false, folders: false });
  assert.deepEqual(await helloOf(38), { owner, begins: true, hears: true, folders: true });
});

for (const [kind, memory] of [
  ['an array', new Uint8Array(2 ** 20)],
  ['a Buffer', Buffer.alloc(2 ** 20)],
] as const)
  for (const sizeBytes of [4_096, 65_536, 300_000])
    it(`sends a write of ${sizeBytes} bytes again with its own bytes after its memory, ${kind}, had others`, async () => {
      const { mount, take } = mountRig();
      const sent: Uint8Array[] = [];
      let released = 0;
      const stream = {
        send: async (parts: readonly Uint8Array[], release?: () => void) => {
          for (const part of parts) sent.push(new Uint8Array(part));
          release?.();
        },
      };
      try {
        mount.begin(stream, { isKept: false });
        const frame = putWrite(memory, 1n, sizeBytes, 0xaa);
        take(frame, () => {
          released += 1;
        });
        assert.equal(sent.length, 1);
        if (released > 0) memory.fill(0xbb); // the kernel's next request lies there
        mount.over();
        mount.begin(stream, { isKept: true });
        assert.equal(sent.length, 2);
        assert.ok(Buffer.from(sent[1]!).equals(sent[0]!));
        assert.equal(released, sizeBytes < 300_000 ? 1 : 0, 'what is large stays where it is');
      } finally {
        mount.over();
        await mount.close();
      }
    });
