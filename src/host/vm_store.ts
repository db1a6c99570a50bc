import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { StartJobRequest, VmEndpoint } from '../contract/schemas.ts';
import { StateFile } from '../link/session/state_file.ts';
import type { Dir } from '../world/disk.ts';

/** Remains of a cancelled copy that are still to be removed. */
export interface PendingDiscard {
  readonly transferId: string;
  readonly destination: string;
  /** True for a copy out of the machine: they lie on the host. */
  readonly onHost?: boolean;
  /** The job that left them and is told how it ends. */
  readonly jobId?: string;
  /** Set where a copy is to be undone: the id of what is kept of it. */
  readonly undoId?: string;
}

/** A machine as the daemon remembers it. `fingerprint` is its pinned key, null before the first contact. */
export interface StoredVm {
  readonly name: string;
  readonly endpoint: VmEndpoint;
  readonly trustCarrier: boolean;
  readonly fingerprint: string | null;
  /** Secret of a pairing token that has not been used yet, hex. */
  readonly pairingSecret: string | null;
  readonly pendingDiscards: readonly PendingDiscard[];
  /** Beside other machines where the copies of the daemon share a rate; absent: 1. */
  readonly weight?: number;
  /** The key that its agent is to change to: trusted as well until it was seen. For one that dials in, see {@link TrustStore}. */
  readonly nextFingerprint?: string | undefined;
  /** The key of this host that its agent knows; absent: the only one that there was. */
  readonly hostKey?: string;
}

const FILE_NAME = 'machines.json';

/** The machines of a daemon, in `machines.json` (mode 0600) of its data directory. */
export class VmStore {
  readonly #file: StateFile;
  readonly #vms = new Map<string, StoredVm>();

  private constructor(file: StateFile) {
    this.#file = file;
  }

  /** CW_DAEMON_STATE where the file is damaged. */
  static async open(dir: Dir, dirPath: string): Promise<VmStore> {
    const store = new VmStore(new StateFile(dir, dirPath, FILE_NAME));
    const stored = await store.#file.read();
    for (const vm of (stored?.body['machines'] ?? []) as StoredVm[]) store.#vms.set(vm.name, vm);
    return store;
  }

  all(): StoredVm[] {
    return [...this.#vms.values()];
  }

  get(name: string): StoredVm | undefined {
    return this.#vms.get(name);
  }

  /** CW_VM_EXISTS, CW_LIMIT. */
  async add(vm: StoredVm): Promise<void> {
    if (this.#vms.has(vm.name))
      throw new CausewayError('CW_VM_EXISTS', `there is a machine ${vm.name} already`);
    if (this.#vms.size >= LIMITS.vmsMax.value)
      throw new CausewayError('CW_LIMIT', 'there are too many machines');
    this.#vms.set(vm.name, vm);
    await this.#save();
  }

  async change(name: string, patch: Partial<StoredVm>): Promise<void> {
    const vm = this.#vms.get(name);
    if (!vm) return;
    this.#vms.set(name, { ...vm, ...patch });
    await this.#save();
  }

  /** Changes all machines in one step: those for which `patchOf` gives something. */
  async changeAll(patchOf: (vm: StoredVm) => Partial<StoredVm> | null): Promise<void> {
    const changed = this.all().flatMap((vm) => {
      const patch = patchOf(vm);
      return patch === null ? [] : [{ ...vm, ...patch }];
    });
    if (changed.length === 0) return;
    for (const vm of changed) this.#vms.set(vm.name, vm);
    await this.#save();
  }

  async remove(name: string): Promise<void> {
    if (this.#vms.delete(name)) await this.#save();
  }

  #save(): Promise<void> {
    return this.#file.write({ machines: this.all() });
  }
}

/** Where the remains of a copy lie: on the machine for a copy into it, else on the host. */
export function remainsOnHost(request: StartJobRequest): boolean {
  return request.direction === 'out';
}
