import { CausewayError } from '../../base/errors.ts';
import type { TrustStore } from '../../link/session/trust_store.ts';
import type { StoredVm, VmStore } from '../vm_store.ts';

/** The keys of agents that the daemon trusts, and those that are to follow them. Each change is durable when it resolves. */
export class AgentPins {
  readonly #store: VmStore;
  readonly #trust: TrustStore;

  constructor(store: VmStore, trust: TrustStore) {
    this.#store = store;
    this.#trust = trust;
  }

  /** The key that the agent is to change to; null where it is to keep its own. */
  next(name: string): string | null {
    const vm = this.#store.get(name);
    if (vm === undefined) return null;
    if (!dialsIn(vm)) return vm.nextFingerprint ?? null;
    return this.#trust.byName(name).find(({ follows }) => follows !== undefined)?.fingerprint ?? null;
  }

  /** Trusts `to` as well as `from` until it was seen. CW_VM_UNKNOWN. */
  async expect(name: string, { from, to }: { readonly from: string; readonly to: string }): Promise<void> {
    const vm = this.#store.get(name);
    if (vm === undefined) throw new CausewayError('CW_VM_UNKNOWN', `there is no machine ${name}`);
    if (!dialsIn(vm)) return this.#store.change(name, { nextFingerprint: to });
    if (!(await this.#trust.follow(from, to)))
      throw new CausewayError('CW_PAIR_PROOF', `the key of ${name} is not trusted any more`);
  }

  /** The agent has proven this key: the one before is trusted no more. */
  async seen(name: string, fingerprint: string): Promise<void> {
    const vm = this.#store.get(name);
    if (vm === undefined || this.next(name) !== fingerprint) return;
    if (dialsIn(vm)) await this.#trust.seen(fingerprint);
    else await this.#store.change(name, { fingerprint, nextFingerprint: undefined });
  }

  /** The agent has no such key: it keeps its own. */
  async forget(name: string): Promise<void> {
    const vm = this.#store.get(name);
    if (vm === undefined) return;
    if (!dialsIn(vm)) return this.#store.change(name, { nextFingerprint: undefined });
    for (const { fingerprint } of this.#trust.byName(name)) await this.#trust.unfollow(fingerprint);
  }
}

function dialsIn({ endpoint }: StoredVm): boolean {
  return endpoint.kind === 'listen';
}
