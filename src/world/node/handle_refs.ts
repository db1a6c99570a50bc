import { NodeDir } from './dir.ts';
import type { DiskContext } from './disk_context.ts';
import { NodeFile } from './file.ts';

/** An open file or folder as another thread of this process can use it: descriptors belong to the process. */
interface HandleRef {
  readonly causewayHandle: 'file' | 'dir';
  readonly fd: number;
  readonly path: string;
}

/** A handle lent to another thread; its descriptor stays open until `giveBack`. */
export interface LentHandle {
  readonly fd: number;
  /** Whose descriptor it is: numbers are used again. */
  readonly lease: object;
  readonly path: string;
  giveBack(): void;
}

export interface LentArgs {
  readonly message: Record<string, unknown>;
  giveBack(): void;
}

/** Replaces the open handles among `args` by references; null where one is no handle of this machine's disk. */
export function lendHandles(args: object): LentArgs | null {
  const lent: LentHandle[] = [];
  const giveBack = () => {
    for (const handle of lent.splice(0)) handle.giveBack();
  };
  try {
    const message: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(args)) {
      message[key] = Array.isArray(value) ? value.map((one) => toRef(one, lent)) : toRef(value, lent);
    }
    return { message, giveBack };
  } catch (thrown) {
    giveBack();
    if (thrown === FOREIGN) return null;
    throw thrown;
  }
}

const FOREIGN = Symbol('a handle of another disk');

function toRef(value: unknown, lent: LentHandle[]): unknown {
  if (value instanceof NodeFile || value instanceof NodeDir) {
    const handle = value.lend();
    lent.push(handle);
    const ref: HandleRef = {
      causewayHandle: value instanceof NodeFile ? 'file' : 'dir',
      fd: handle.fd,
      path: handle.path,
    };
    return ref;
  }
  if (value instanceof Uint8Array) return withoutRest(value);
  if (typeof value === 'object' && value !== null && Symbol.asyncDispose in value) throw FOREIGN;
  return value;
}

/** Cloning copies all the memory that an array is a view of, unless it is shared. */
function withoutRest(bytes: Uint8Array): Uint8Array {
  const isPart = bytes.byteLength < bytes.buffer.byteLength;
  return isPart && !(bytes.buffer instanceof SharedArrayBuffer) ? bytes.slice() : bytes;
}

/** The handles behind the references in `message`, on the disk of `context`. Closing them leaves the descriptors open. */
export function borrowHandles(context: DiskContext, message: Record<string, unknown>): object {
  const args: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(message)) {
    args[key] = Array.isArray(value) ? value.map((one) => fromRef(context, one)) : fromRef(context, value);
  }
  return args;
}

function fromRef(context: DiskContext, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('causewayHandle' in value)) return value;
  const { causewayHandle, fd, path } = value as HandleRef;
  return causewayHandle === 'file'
    ? NodeFile.borrowed(context, fd, path)
    : NodeDir.borrowed(context, fd, path);
}
