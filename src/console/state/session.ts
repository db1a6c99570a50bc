import { signal } from '@preact/signals';
import type { MeView } from '../../contract/identity_schemas.ts';
import { type Body, call, setCsrf } from '../api/client.ts';
import { ApiError } from '../api/errors.ts';

/** Who is signed in: null for nobody, `unknown` before the daemon's first answer. */
export const me = signal<MeView | null | 'unknown'>('unknown');

/** Asks who is signed in. False where the daemon does not answer: that leaves it as it is. */
export async function loadMe(): Promise<boolean> {
  try {
    setMe(await call('me', {}));
    return true;
  } catch (failure) {
    if (!(failure instanceof ApiError)) throw failure;
    if (failure.status === 401) setMe(null);
    return failure.status !== 0;
  }
}

/** Signs in. CW_AUTH_SECOND_FACTOR where a code is missing. */
export async function logIn(request: Body<'logIn'>): Promise<void> {
  setMe(await call('logIn', {}, request));
}

export async function logOut(): Promise<void> {
  await call('logOut', {});
  setMe(null);
}

/** The session has ended elsewhere, or by what was done. */
export function signedOut(): void {
  setMe(null);
}

function setMe(next: MeView | null): void {
  setCsrf(next?.csrf ?? null);
  me.value = next;
}
