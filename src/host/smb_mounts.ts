import { asCausewayError, CausewayError } from '../base/errors.ts';
import { joinAbsolute } from '../base/path.ts';
import type { ShowFolder, ShownFolder } from '../world/mounts.ts';
import type { LiveShare } from './share_live.ts';
import { SmbAddresses } from './smb_addresses.ts';

interface Shown {
  readonly share: LiveShare;
  readonly folder: ShownFolder;
  isOver: boolean;
}

/**
 * Where Samba finds the folders of shares: the folder itself, or where something of the share is to hold that Samba knows
 * nothing of, a mount of this daemon that shows it.
 */
export class SmbMounts {
  readonly #show: ShowFolder | null;
  /** Address of the client that a process of Samba serves. */
  readonly #clientOf: (processId: number) => string | null;
  /** What mounts lie in. */
  readonly #directory: string;
  readonly #shown = new Map<string, Shown>();
  readonly #failures = new Map<string, CausewayError>();

  constructor(show: ShowFolder | null, clientOf: (processId: number) => string | null, directory: string) {
    this.#show = show;
    this.#clientOf = clientOf;
    this.#directory = directory;
  }

  /** Why the folder of a share cannot be shown; null where it can, or need not. */
  failure(name: string): CausewayError | null {
    return this.#failures.get(name) ?? null;
  }

  /** The path that Samba is to serve; null where there is none, which {@link failure} tells. */
  async placeOf(share: LiveShare): Promise<string | null> {
    const { name, source, quotaBytes, userQuotas, audit } = share.record;
    const place = joinAbsolute(this.#directory, name);
    const before = this.#shown.get(name);
    if (before?.share === share && !before.isOver) return place;
    await this.#end(name);
    this.#failures.delete(name);
    if (quotaBytes === null && userQuotas === undefined && audit === undefined) return source;
    try {
      this.#shown.set(name, await this.#begin(share, place));
      return place;
    } catch (failure) {
      const { message } = asCausewayError(failure);
      const why = `what holds for ${name} cannot be seen to for SMB: ${message}`;
      this.#failures.set(name, new CausewayError('CW_SHARE_SMB', why));
      return null;
    }
  }

  /** Ends all others: Samba serves them no more. */
  async keep(names: ReadonlySet<string>): Promise<void> {
    for (const name of [...this.#shown.keys()]) if (!names.has(name)) await this.#end(name);
  }

  close(): Promise<void> {
    return this.keep(new Set());
  }

  async #begin(share: LiveShare, place: string): Promise<Shown> {
    if (this.#show === null) throw new CausewayError('CW_UNSUPPORTED', 'this daemon mounts nothing');
    const { source, readOnly } = share.record;
    const quota = await share.seat();
    const addresses = new SmbAddresses(this.#clientOf);
    const records = share.records((processId) => addresses.of(processId));
    try {
      const options = { folder: source, place, readOnly, quota, records: records?.seat ?? null };
      const folder = await this.#show(options, (told) => records?.take(told));
      const shown = { share, folder, isOver: false };
      void folder.ended.then(() => {
        shown.isOver = true;
        share.leave(quota);
        return records?.close();
      });
      return shown;
    } catch (failure) {
      share.leave(quota);
      throw failure;
    }
  }

  async #end(name: string): Promise<void> {
    const shown = this.#shown.get(name);
    this.#shown.delete(name);
    await shown?.folder.close();
  }
}
