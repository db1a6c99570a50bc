import { fromHex, toHex } from '../base/bytes.ts';
import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { StateFile } from '../config/state_file.ts';
import { callRpc } from '../link/rpc.ts';
import type { CborMap } from '../wire/cbor.ts';
import { HOST_TAG_BYTES } from '../wire/mount_messages.ts';
import type { Clock, Random } from '../world/clock.ts';
import type { Machines } from './machines.ts';

/** What a machine is to have mounted for this host, and nothing else. */
export interface KeepList extends CborMap {
  /** Ids of mounts. */
  readonly keep: readonly Uint8Array[];
  /** By which the machine tells this host from others that it serves. */
  readonly host: Uint8Array;
}

export interface LeftoversParts {
  readonly clock: Clock;
  readonly random: Pick<Random, 'bytes'>;
  readonly machines: Pick<Machines, 'link'>;
  readonly file: StateFile;
  /** What the machine is told to have mounted now. */
  readonly wantedAt: (vm: string) => KeepList;
}

/**
 * Machines that were away when a share was taken from them: each is asked to unmount what it is not to have as soon as it is
 * there again, also after a restart of this daemon.
 */
export class MountLeftovers {
  readonly #parts: LeftoversParts;
  readonly #away = new Map<string, Promise<void>>();
  readonly #over = new AbortController();
  /** By which machines tell this host from others: the same one for as long as its data directory is there. */
  #host: Uint8Array;

  constructor(parts: LeftoversParts) {
    this.#parts = parts;
    this.#host = parts.random.bytes(HOST_TAG_BYTES);
  }

  get host(): Uint8Array {
    return this.#host;
  }

  /** Goes on with what an earlier daemon could not do. CW_DAEMON_STATE. */
  async start(): Promise<void> {
    const stored = await this.#parts.file.read();
    const host = stored?.body['host'];
    if (typeof host === 'string') this.#host = fromHex(host);
    else await this.#write().catch(() => undefined); // a full disk: the next start makes another one, and none is confused
    for (const vm of (stored?.body['vms'] ?? []) as string[]) this.#begin(vm);
  }

  /** Resolves once it is remembered. CW_DISK_*. */
  async add(vm: string): Promise<void> {
    if (this.#away.has(vm)) return;
    this.#begin(vm);
    await this.#write();
  }

  async close(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#away.values());
  }

  #begin(vm: string): void {
    this.#away.set(vm, this.#run(vm));
  }

  async #run(vm: string): Promise<void> {
    const { signal } = this.#over;
    const { clock } = this.#parts;
    while (!signal.aborted && !(await this.#attempt(vm, signal)))
      await clock.sleep(LIMITS.mountRetryMs.value, signal).catch(() => undefined); // an abort ends the loop
    if (signal.aborted) return;
    this.#away.delete(vm);
    await this.#write().catch(() => undefined); // it is done once more after the next start, which changes nothing
  }

  /** Whether nothing is left to do. */
  async #attempt(vm: string, signal: AbortSignal): Promise<boolean> {
    const { machines, wantedAt } = this.#parts;
    try {
      const mux = await machines.link(vm).ready(signal);
      await callRpc(mux, 'mounts', wantedAt(vm), signal);
      return true;
    } catch (failure) {
      // a machine that is known no more is nobody's to ask; an older one shows no folders
      return ['CW_VM_UNKNOWN', 'CW_UNSUPPORTED'].includes(asCausewayError(failure).code);
    }
  }

  #write(): Promise<void> {
    return this.#parts.file.write({ vms: [...this.#away.keys()], host: toHex(this.#host) });
  }
}
