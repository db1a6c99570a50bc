import { OP } from '../../src/share/fuse/protocol.ts';
import { FuseServer } from '../../src/share/fuse/server.ts';
import type { FarRules } from '../../src/share/fuse/state.ts';
import { PLACE } from '../../src/share/fuse/state.ts';
import { createPosix } from '../../src/world/node/posix_calls.ts';

const O_PATH = 0o10000000;
const O_RDWR = 2;
const HEADER_BYTES = 40;

export const posix = createPosix(PLACE.memoryBytes);
export const words = (...values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
export const named = (name: string): Buffer => Buffer.from(`${name}\0`);

export interface Answer {
  readonly error: number;
  readonly body: Buffer;
}

/** A server of a folder for the kernel of another machine, which is asked by hand in its place. */
export class AskedServer {
  readonly server: FuseServer;
  readonly #answers = new Map<number, Answer>();
  #unique = 0;

  constructor(folder: string, idBase: number, changes: FarRules['changes'] = null) {
    const options = {
      readOnly: false,
      far: { shownOwner: null, idBase, changes, tellsFolders: false },
      times: { namesMs: 1_000, attrsMs: 1_000 },
      backing: null,
      quota: null,
      recorder: null,
      side: null,
      leases: null,
      nodesMax: 100,
    };
    this.server = new FuseServer(posix, posix.names.openPath(folder, O_PATH), options, {
      place: () => PLACE.answer,
      send: (at, sizeBytes) => {
        const answer = Buffer.from(posix.memory.bytes.subarray(at, at + sizeBytes));
        this.#answers.set(answer.readUInt32LE(8), {
          error: answer.readInt32LE(4),
          body: answer.subarray(16),
        });
      },
    });
    this.server.begin({ hasLongSetxattr: true });
  }

  /** Undefined where there is no answer yet. */
  ask(opcode: number, node: number, body: Buffer): Answer | undefined {
    this.#unique += 1;
    const sizeBytes = HEADER_BYTES + body.length;
    const frame = Buffer.concat([words(sizeBytes, opcode, this.#unique, 0, node, 0, 0, 0, 0, 0), body]);
    frame.copy(posix.memory.bytes, PLACE.request);
    this.server.serve(PLACE.request, sizeBytes);
    return this.last();
  }

  /** The answer to the last request. */
  last(): Answer | undefined {
    return this.#answers.get(this.#unique);
  }

  lookup(parent: number, name: string): Buffer | null {
    const answer = this.ask(OP.lookup, parent, named(name));
    return answer?.error === 0 ? answer.body : null;
  }

  /** The handle. */
  open(node: number): number {
    return this.ask(OP.open, node, words(O_RDWR, 0))?.body.readUInt32LE(0) ?? 0;
  }
}
