import { fullGrant, type Grant } from './grant.ts';

/** Who asks, as far as it was proven. */
export interface Principal {
  /** `local`: the owner of the data directory, through its socket. `share`: who knows the password of a share. `system`: the daemon. */
  readonly kind: 'user' | 'token' | 'local' | 'share' | 'system' | 'nobody';
  /** Empty for all but `user` and `token`. */
  readonly userId: string;
  /** For people and for the audit record: the user, and of a token also which one. */
  readonly name: string;
  readonly grants: readonly Grant[];
  /** What a token allows at most, whatever its user may; null without such a bound. */
  readonly bound: readonly Grant[] | null;
  readonly secondFactor: boolean;
}

/** Who has proven nothing. */
export const NOBODY: Principal = {
  kind: 'nobody',
  userId: '',
  name: '',
  grants: [],
  bound: null,
  secondFactor: false,
};

/** Whoever may open the socket in the data directory could read and change all of it anyway. */
export const LOCAL_OWNER: Principal = {
  kind: 'local',
  userId: '',
  name: 'local',
  grants: [fullGrant('admin')],
  bound: null,
  secondFactor: true,
};
