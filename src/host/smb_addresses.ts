import { LIMITS } from '../base/limits.ts';

/** From where clients of SMB come, by the processes of Samba that serve them: `smb:192.0.2.7`, or `smb` where that is not known. */
export class SmbAddresses {
  readonly #clientOf: (processId: number) => string | null;
  /** Of processes that may have ended since, the last seen last. */
  readonly #seen = new Map<number, string>();

  constructor(clientOf: (processId: number) => string | null) {
    this.#clientOf = clientOf;
  }

  of(processId: number): string {
    const client = this.#clientOf(processId);
    if (client === null) return this.#seen.get(processId) ?? 'smb';
    const address = `smb:${client}`;
    this.#seen.delete(processId);
    this.#seen.set(processId, address);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > LIMITS.smbClientsKnownMax.value && oldest !== undefined) this.#seen.delete(oldest);
    return address;
  }
}
