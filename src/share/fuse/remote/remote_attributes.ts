import { fromUtf8 } from '../../../base/bytes.ts';
import type { RelPath } from '../../../base/path.ts';
import type { TreeAttributes } from '../../../tree/files/file_tree.ts';
import { FarFailure } from '../errnos.ts';
import { ERRNO, OP } from '../protocol.ts';
import type { FarCalls } from './far_calls.ts';
import { setxattrBody, sizedBody, texts } from './request_frames.ts';

/** XATTR_SIZE_MAX and XATTR_LIST_MAX of Linux. */
const VALUE_MAX_BYTES = 65_536;

/** How a path leads to a node over there, and who is told that it was changed. */
export interface RemoteNodes {
  readonly calls: FarCalls;
  readonly with: <T>(path: RelPath, use: (id: bigint) => Promise<T>) => Promise<T>;
  readonly changed: (id: bigint) => void;
}

/** Extended attributes of nodes over there, by the requests of a kernel. */
export function attributesOf({ calls, with: at, changed }: RemoteNodes): TreeAttributes {
  const change = (path: RelPath, opcode: number, ...body: readonly Uint8Array[]) =>
    at(path, async (id) => {
      await calls.call(opcode, id, ...body);
      changed(id);
    });
  return {
    get: (path, name) =>
      at(path, async (id) => {
        try {
          return await calls.call(OP.getxattr, id, sizedBody(VALUE_MAX_BYTES), texts(name));
        } catch (failure) {
          if (failure instanceof FarFailure && failure.errno === ERRNO.ENODATA) return null;
          throw failure;
        }
      }),
    list: (path) =>
      at(path, async (id) => {
        const names = fromUtf8(await calls.call(OP.listxattr, id, sizedBody(VALUE_MAX_BYTES)));
        return (names ?? '').split('\0').filter((name) => name !== '');
      }),
    set: (path, name, value, flags) =>
      change(path, OP.setxattr, setxattrBody(value.byteLength, flags), texts(name), value),
    remove: (path, name) => change(path, OP.removexattr, texts(name)),
  };
}
