import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FarKnown } from './far_known.ts';
import { IN_HEADER_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';

const ENTRY_BYTES = 128;

function rig() {
  const waiting: { readonly id: bigint; readonly done: (() => void) | undefined }[] = [];
  const known = new FarKnown({
    notify: (bytes, done) => {
      const id = new DataView(bytes.buffer).getBigUint64(OUT_HEADER_BYTES, true);
      waiting.push({ id, done });
    },
  });
  const tell = (opcode: number, answer: Buffer, error = 0) => {
    answer.writeInt32LE(error, 4);
    known.told(opcode, answer, new DataView(answer.buffer, answer.byteOffset, answer.byteLength));
  };
  const entry = (id: bigint) => {
    const answer = Buffer.alloc(OUT_HEADER_BYTES + ENTRY_BYTES);
    answer.writeBigUInt64LE(id, OUT_HEADER_BYTES);
    return answer;
  };
  const forget = (opcode: number, node: bigint, body: Buffer) => {
    const bytes = Buffer.concat([Buffer.alloc(IN_HEADER_BYTES), body]);
    bytes.writeBigUInt64LE(node, 16);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    known.passing({ bytes, view, opcode, unique: 1n });
  };
  /** Ids that the kernel is told of, which knows each at once. */
  const doubted = () => {
    const ids: bigint[] = [];
    known.doubt();
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      ids.push(next.id);
      next.done?.();
    }
    return ids.sort((a, b) => Number(a - b));
  };
  return { known, waiting, tell, entry, forget, doubted };
}

it('what the kernel was told of and has not forgotten is doubted, the root too', () => {
  const { tell, entry, forget, doubted } = rig();
  tell(OP.lookup, entry(7n));
  tell(OP.create, Buffer.concat([entry(8n), Buffer.alloc(16)]));
  tell(OP.mkdir, entry(9n));
  tell(OP.lookup, entry(10n), -2);
  tell(OP.getattr, entry(11n));
  tell(OP.lookup, entry(0n));
  assert.deepEqual(doubted(), [1n, 7n, 8n, 9n]);
  assert.deepEqual(doubted(), [1n, 7n, 8n, 9n], 'it may be told of them anew');
  forget(OP.forget, 7n, Buffer.alloc(8));
  const two = Buffer.alloc(8 + 32);
  two.writeBigUInt64LE(8n, 8);
  two.writeBigUInt64LE(9n, 24);
  forget(OP.batchForget, 0n, two);
  assert.deepEqual(doubted(), [1n]);
});

it('all entries of a listing count, and a part that is cut short harms nobody', () => {
  const { tell, doubted } = rig();
  const entries = [20n, 0n, 21n].map((id, index) => {
    const bytes = Buffer.alloc((ENTRY_BYTES + 24 + index + 1 + 7) & ~7);
    bytes.writeBigUInt64LE(id, 0);
    bytes.writeUInt32LE(index + 1, ENTRY_BYTES + 16);
    return bytes;
  });
  tell(OP.readdirplus, Buffer.concat([Buffer.alloc(OUT_HEADER_BYTES), ...entries]));
  tell(OP.readdirplus, Buffer.concat([Buffer.alloc(OUT_HEADER_BYTES), entries[0] as Buffer]).subarray(0, 60));
  assert.deepEqual(doubted(), [1n, 20n, 21n]);
});

it('few wait in the kernel at one time, and a second doubt begins anew', () => {
  const { known, waiting, tell, entry } = rig();
  for (let id = 2n; id <= 300n; id += 1n) tell(OP.lookup, entry(id));
  known.doubt();
  assert.equal(waiting.length, 64);
  known.doubt();
  assert.equal(waiting.length, 64);
  const ids = new Set<bigint>();
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    ids.add(next.id);
    next.done?.();
    assert.ok(waiting.length <= 64);
  }
  assert.equal(ids.size, 300);
});
