import { constants } from 'node:os';
import { fromUtf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import type { XattrStore } from '../disk_caps.ts';
import type { DiskContext } from './disk_context.ts';
import { SystemCallError } from './syscalls.ts';
import type { XattrTarget } from './xattr_calls.ts';

const { E2BIG, EINVAL, ENODATA, ENOSPC, ERANGE } = constants.errno;

/** XATTR_NAME_MAX of Linux. */
const NAME_MAX_BYTES = 255;

/** Runs a call with what has the attributes, and names the operation in its errors. */
export type WithTarget = <T>(operation: string, call: (target: XattrTarget) => Promise<T>) => Promise<T>;

/** Extended attributes by system calls; null where there are none. */
export function xattrStore({ xattrCalls }: DiskContext, withTarget: WithTarget): XattrStore | null {
  if (xattrCalls === null) return null;
  return {
    list: () => withTarget('list the attributes of', async (target) => namesOf(xattrCalls.list(target))),
    get: (name) =>
      withTarget(`read the attribute ${name} of`, async (target) =>
        orIfMissing(null, () => xattrCalls.get(target, checked(name))),
      ),
    set: (name, value) =>
      withTarget(`set the attribute ${name} of`, async (target) =>
        refusingValue(() => xattrCalls.set(target, checked(name), value)),
      ),
    remove: (name) =>
      withTarget(`remove the attribute ${name} of`, async (target) =>
        orIfMissing(false, () => {
          xattrCalls.remove(target, checked(name));
          return true;
        }),
      ),
  };
}

/** A NUL would cut the name off unseen. */
function checked(name: string): string {
  if (name === '' || name.includes('\0') || Buffer.byteLength(name) > NAME_MAX_BYTES || !name.isWellFormed())
    throw new CausewayError('CW_DISK_NAME', `${JSON.stringify(name)} is no name of an attribute`);
  return name;
}

function namesOf(answer: Uint8Array): string[] {
  const text = fromUtf8(answer);
  if (text === null)
    throw new CausewayError('CW_DISK_NAME', 'the name of an extended attribute is not valid UTF-8');
  return text.split('\0').slice(0, -1);
}

function orIfMissing<T, Missing>(missing: Missing, call: () => T): T | Missing {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof SystemCallError && thrown.errno === ENODATA) return missing;
    throw thrown;
  }
}

/**
 * A value that is refused says nothing about the device: EINVAL means a user, a label or a capability that is unknown there.
 * ext4 says of a value that is too large for it that the disk is full, which would mislead: more space does not help.
 */
function refusingValue(call: () => void): void {
  try {
    call();
  } catch (thrown) {
    if (!(thrown instanceof SystemCallError)) throw thrown;
    if (thrown.errno === EINVAL || thrown.errno === ERANGE)
      throw new CausewayError('CW_UNSUPPORTED', 'the file system does not take that value of the attribute', {
        cause: thrown,
      });
    if (thrown.errno !== ENOSPC && thrown.errno !== E2BIG) throw thrown;
    throw new CausewayError('CW_UNSUPPORTED', 'the file system has no room for an attribute of that size', {
      cause: thrown,
    });
  }
}
