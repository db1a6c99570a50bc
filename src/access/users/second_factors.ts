import { CausewayError } from '../../base/errors.ts';
import type { Vault } from '../keys/vault.ts';
import type { AccessPorts } from '../ports.ts';
import { otpauthUri } from '../second_factor/enrolment.ts';
import { hashRecoveryCode, makeRecoveryCodes } from '../second_factor/recovery_codes.ts';
import { acceptedStep, TOTP_SECRET_BYTES } from '../second_factor/totp.ts';
import type { TotpRecord, UserRecord, UserState } from './records.ts';
import { userIn, withChanged } from './user_edits.ts';
import type { Users } from './users.ts';

const NEVER_USED = -1;

/** Authenticators and recovery codes of users. */
export class SecondFactors {
  readonly #users: Users;
  readonly #vault: Vault;
  readonly #ports: AccessPorts;

  constructor(users: Users, vault: Vault, ports: AccessPorts) {
    this.#users = users;
    this.#vault = vault;
    this.#ports = ports;
  }

  /**
   * Makes a new secret for the user's authenticator and gives the URI that shows it. It counts once {@link confirm} saw
   * a code of it; an authenticator that counts already goes on until then. CW_USER_UNKNOWN.
   */
  async begin(userId: string, issuer: string): Promise<string> {
    const secret = this.#ports.random.bytes(TOTP_SECRET_BYTES);
    const totpPending = this.#vault.seal(purposeOf(userId), secret);
    await this.#users.change(userId, (state) => withChanged(state, userId, () => ({ totpPending })));
    return otpauthUri(issuer, this.#users.get(userId).name, secret);
  }

  /** Takes the new authenticator into use, and gives new recovery codes, shown this once. CW_AUTH_CODE, CW_USER_UNKNOWN. */
  async confirm(userId: string, code: string): Promise<readonly string[]> {
    const codes = makeRecoveryCodes(this.#ports.random);
    const recovery = this.#hashesOf(userId, codes);
    await this.#users.change(userId, (state) => {
      const { totpPending } = userIn(state, userId);
      if (totpPending === null)
        throw new CausewayError('CW_AUTH_CODE', 'no new authenticator waits for a code');
      const totp = this.#used({ sealed: totpPending, lastStep: NEVER_USED }, userId, code);
      if (totp === null)
        throw new CausewayError('CW_AUTH_CODE', 'this is not the code of the new authenticator');
      return withChanged(state, userId, () => ({ totp, totpPending: null, recovery }));
    });
    return codes;
  }

  /**
   * Whether `code` is a code of the user's authenticator or a recovery code, neither used before. It is used then:
   * durable before this resolves, so that it never works twice. CW_USER_UNKNOWN.
   */
  async use(userId: string, code: string): Promise<boolean> {
    let isRight = false;
    await this.#users.change(userId, (state) => {
      const patch = this.#spent(userIn(state, userId), code);
      isRight = patch !== null;
      return patch === null ? state : withChanged(state, userId, () => patch);
    });
    return isRight;
  }

  /** New recovery codes in the place of all others, shown this once. CW_AUTH_CODE without authenticator, CW_USER_UNKNOWN. */
  async renewRecoveryCodes(userId: string): Promise<readonly string[]> {
    const codes = makeRecoveryCodes(this.#ports.random);
    const recovery = this.#hashesOf(userId, codes);
    await this.#users.change(userId, (state) => {
      if (userIn(state, userId).totp === null) {
        throw new CausewayError(
          'CW_AUTH_CODE',
          'recovery codes need an authenticator that they stand in for',
        );
      }
      return withChanged(state, userId, () => ({ recovery }));
    });
    return codes;
  }

  /** The user signs in by password alone from now on; all its sessions end. CW_USER_UNKNOWN. */
  clear(userId: string): Promise<void> {
    const patch = (user: UserRecord): Partial<UserRecord> => {
      return { totp: null, totpPending: null, recovery: [], epoch: user.epoch + 1 };
    };
    return this.#users.change(userId, (state) => withChanged(state, userId, patch));
  }

  /** Seals every secret with the newest master key. */
  async rewrap(): Promise<void> {
    for (const { id } of this.#users.list()) {
      await this.#users.change(id, (state) => this.#rewrapped(state, id));
    }
  }

  #rewrapped(state: UserState, userId: string): UserState {
    const user = state.users.find((one) => one.id === userId);
    if (user === undefined) return state; // removed meanwhile
    const renew = (sealed: string): string => {
      if (this.#vault.isCurrent(sealed)) return sealed;
      return this.#vault.seal(purposeOf(userId), this.#vault.open(purposeOf(userId), sealed));
    };
    const totp = user.totp && { ...user.totp, sealed: renew(user.totp.sealed) };
    const totpPending = user.totpPending && renew(user.totpPending);
    if (totp?.sealed === user.totp?.sealed && totpPending === user.totpPending) return state;
    return withChanged(state, userId, () => ({ totp, totpPending }));
  }

  #spent(user: UserRecord, code: string): Partial<UserRecord> | null {
    const totp = user.totp && this.#used(user.totp, user.id, code);
    if (totp) return { totp };
    const hash = hashRecoveryCode(user.id, code);
    if (hash === null || !user.recovery.includes(hash)) return null;
    return { recovery: user.recovery.filter((one) => one !== hash) };
  }

  /** The record once the code was used; null where it is not right. */
  #used(totp: TotpRecord, userId: string, code: string): TotpRecord | null {
    const secret = this.#vault.open(purposeOf(userId), totp.sealed);
    const { crypto, clock } = this.#ports;
    const step = acceptedStep(crypto, secret, code, clock.wallMs(), totp.lastStep);
    return step === null ? null : { ...totp, lastStep: step };
  }

  #hashesOf(userId: string, codes: readonly string[]): string[] {
    return codes.map((code) => hashRecoveryCode(userId, code) as string);
  }
}

function purposeOf(userId: string): string {
  return `second factor of ${userId}`;
}
