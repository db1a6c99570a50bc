import type { Principal } from '../access/rights/principal.ts';

/** Who makes a request, and how it was proven. */
export interface Caller {
  readonly principal: Principal;
  /** Where the request comes from; null for the socket in the data directory. */
  readonly address: string | null;
  /** The signed-in browser; null for any other proof. */
  readonly session: { readonly id: string; readonly cookie: string } | null;
}

/** One request, as its procedure sees it. */
export interface Call {
  readonly caller: Caller;
  readonly params: Readonly<Record<string, string>>;
  /** What a GET has in its query, or the body of another method; of the form that the contract says. */
  readonly body: unknown;
  /** Under which this call is done once only; null where it may be done as often as it is asked for. */
  readonly key?: string | null;
  /** Eight hex digits for the id of what a call with a key makes. */
  readonly reserved?: string;
  /** Signs the browser in with this cookie, or out with null. */
  setCookie(cookie: string | null): void;
}

/** A parameter of the path. */
export function param(call: Call, name: string): string {
  return call.params[name] ?? '';
}

/** Whose something is that only its maker may go on with: the user, also by a token, or who came by the local channel. */
export function ownerOf({ principal }: Caller): string {
  return principal.userId === '' ? principal.kind : `user:${principal.userId}`;
}

/** For counters and records: the address, or a word for the local channel. */
export function placeOf(caller: Caller): string {
  return caller.address ?? 'local';
}
