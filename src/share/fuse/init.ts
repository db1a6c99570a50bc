import { LIMITS } from '../../base/limits.ts';
import type { Frame } from './frame.ts';
import { ERRNO, FLAG, FLAG2, INIT_OUT_BYTES, MAJOR, MINOR, MINOR_MIN } from './protocol.ts';

const WISHED =
  FLAG.asyncRead |
  FLAG.bigWrites |
  FLAG.dontMask |
  FLAG.autoInvalData |
  FLAG.doReaddirplus |
  FLAG.readdirplusAuto |
  FLAG.asyncDio |
  FLAG.parallelDirops |
  FLAG.abortError |
  FLAG.maxPages |
  FLAG.handleKillprivV2 |
  FLAG.setxattrExt;

/** Locks are asked for; without, the kernel keeps them among the programs that use the mount, at no request. */
const LOCKS = FLAG.posixLocks | FLAG.flockLocks;

const INIT_IN_BYTES = 16;
const PAGE_BYTES = 4_096;

export interface InitWishes {
  /** The kernel moves bytes of open files by itself, where it offers that. */
  readonly wantsBacking: boolean;
  /** Files may be open past the kernel's pages, and mapped into memory all the same. */
  readonly wantsDirect: boolean;
  /** Access lists name the same users here and where the folder is. */
  readonly hasAcls: boolean;
  /** The server looks for locks of others than the programs that use the mount. */
  readonly hasLocks: boolean;
}

export interface Agreed {
  /** SETXATTR has its longer structure. */
  readonly hasLongSetxattr: boolean;
  readonly hasBacking: boolean;
  readonly hasDirect: boolean;
  /** False where the kernel asks again, with an older version. */
  readonly isSettled: boolean;
}

/** Writes the body of the answer to INIT, INIT_OUT_BYTES at `out` of `answer`; or gives an error. */
export function answerInit(
  view: DataView,
  answer: DataView,
  frame: Frame,
  out: number,
  wishes: InitWishes,
): Agreed | number {
  if (!frame.holds(INIT_IN_BYTES)) return -ERRNO.EPROTO;
  const major = view.getUint32(frame.body, true);
  const minor = view.getUint32(frame.body + 4, true);
  if (major < MAJOR || (major === MAJOR && minor < MINOR_MIN)) return -ERRNO.EPROTO;
  for (let at = out; at < out + INIT_OUT_BYTES; at += 4) answer.setUint32(at, 0, true);
  answer.setUint32(out, MAJOR, true);
  answer.setUint32(out + 4, MINOR, true);
  if (major > MAJOR) return { hasLongSetxattr: false, hasBacking: false, hasDirect: false, isSettled: false };
  const offered = view.getUint32(frame.body + 12, true);
  const offered2 =
    (offered & FLAG.initExt) !== 0 && frame.holds(20) ? view.getUint32(frame.body + 16, true) : 0;
  const hasBacking = (offered2 & FLAG2.passthrough) !== 0 && wishes.wantsBacking;
  const hasDirect = (offered2 & FLAG2.directMmap) !== 0 && wishes.wantsDirect;
  const taken2 = (hasBacking ? FLAG2.passthrough : 0) | (hasDirect ? FLAG2.directMmap : 0);
  const taken =
    WISHED |
    (taken2 === 0 ? 0 : FLAG.initExt) |
    (wishes.hasAcls ? FLAG.posixAcl : 0) |
    (wishes.hasLocks ? LOCKS : 0);
  const readAhead = view.getUint32(frame.body + 8, true);
  answer.setUint32(out + 8, Math.min(readAhead, LIMITS.mountReadMaxBytes.value), true);
  answer.setUint32(out + 12, offered & taken, true);
  answer.setUint16(out + 16, LIMITS.mountBackgroundMax.value, true);
  answer.setUint16(out + 18, (LIMITS.mountBackgroundMax.value * 3) / 4, true);
  answer.setUint32(out + 20, LIMITS.mountWriteMaxBytes.value, true);
  answer.setUint32(out + 24, 1, true); // times are exact to the nanosecond
  answer.setUint16(out + 28, LIMITS.mountWriteMaxBytes.value / PAGE_BYTES, true);
  answer.setUint32(out + 32, taken2, true);
  answer.setUint32(out + 36, hasBacking ? 1 : 0, true);
  const hasLongSetxattr = (offered & FLAG.setxattrExt) !== 0;
  return { hasLongSetxattr, hasBacking, hasDirect, isSettled: true };
}
