import { LIMITS } from '../../base/limits.ts';

/** Somebody has signed in to Samba, or was refused. */
export interface SmbSignIn {
  /** What the client calls itself, which is the name of the share where it is right. */
  readonly user: string;
  /** IP address; null where it is not told. */
  readonly address: string | null;
  readonly isGranted: boolean;
  /** `NT_STATUS_…` */
  readonly status: string;
}

const USER_MAX = 128;
const NEWLINE = 10;

/**
 * Reads what Samba's class of messages `auth_json_audit` writes, one JSON object in a line among lines of its log, in pieces of
 * any size. What is not as it should be is passed over: clients choose a part of it.
 */
export class SmbSignIns {
  readonly #take: (signIn: SmbSignIn) => void;
  #rest = Buffer.alloc(0);

  constructor(take: (signIn: SmbSignIn) => void) {
    this.#take = take;
  }

  add(bytes: Uint8Array): void {
    let left = Buffer.concat([this.#rest, bytes]);
    for (let end = left.indexOf(NEWLINE); end >= 0; end = left.indexOf(NEWLINE)) {
      const signIn = signInOf(left.toString('utf8', 0, end));
      left = left.subarray(end + 1);
      if (signIn !== null) this.#take(signIn);
    }
    this.#rest = left.byteLength > LIMITS.smbLogLineMaxBytes.value ? Buffer.alloc(0) : Buffer.from(left);
  }
}

/** Null where the line tells of no sign-in. */
export function signInOf(line: string): SmbSignIn | null {
  const text = line.trim();
  if (!text.startsWith('{')) return null;
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch {
    return null; // a line that was cut off, or another one
  }
  const { type, Authentication: body } = told as Record<string, unknown>;
  if (type !== 'Authentication' || typeof body !== 'object' || body === null) return null;
  const { status, clientAccount, remoteAddress } = body as Record<string, unknown>;
  if (typeof status !== 'string' || typeof clientAccount !== 'string') return null;
  return {
    user: clientAccount.slice(0, USER_MAX),
    address: typeof remoteAddress === 'string' ? addressIn(remoteAddress) : null,
    isGranted: status === 'NT_STATUS_OK',
    status: status.slice(0, USER_MAX),
  };
}

/** `ipv4:192.0.2.7:50000`, `ipv6:2001:db8::1:50000`. */
function addressIn(text: string): string | null {
  return /^ipv[46]:(.+):\d+$/.exec(text)?.[1] ?? null;
}
