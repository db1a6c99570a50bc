import { type Static, Type } from 'typebox';
import { LIMITS } from '../../base/limits.ts';
import type { Dir } from '../../world/disk.ts';
import { StateDocument } from '../users/state_document.ts';
import { AllowList } from './allow_list.ts';

const AllowState = Type.Object(
  { networks: Type.Array(Type.String(), { maxItems: LIMITS.allowListMax.value }) },
  { additionalProperties: false },
);

/** The allow list of a data directory, in its `allow.json`. */
export class AllowStore {
  readonly #document: StateDocument<typeof AllowState>;
  #list: AllowList;
  /** Counts while the list is empty. */
  #configured = new AllowList([]);
  #configuredNetworks: readonly string[] = [];

  private constructor(document: StateDocument<typeof AllowState>) {
    this.#document = document;
    this.#list = new AllowList(document.state.networks);
  }

  /** CW_DAEMON_STATE where the file is damaged. */
  static async open(dir: Dir, dirPath: string): Promise<AllowStore> {
    const empty: Static<typeof AllowState> = { networks: [] };
    return new AllowStore(await StateDocument.open({ dir, dirPath, name: 'allow.json' }, AllowState, empty));
  }

  get networks(): string[] {
    return [...this.#document.state.networks];
  }

  /** What the settings say, which counts while the list is empty. */
  get configured(): string[] {
    return [...this.#configuredNetworks];
  }

  permits(address: string): boolean {
    const isEmpty = this.#document.state.networks.length === 0;
    return (isEmpty ? this.#configured : this.#list).permits(address);
  }

  /** Sets what counts while the list is empty, at once. CW_USAGE naming the bad one, CW_LIMIT. */
  configure(networks: readonly string[]): void {
    this.#configured = new AllowList(networks);
    this.#configuredNetworks = [...networks];
  }

  /** Durable when it resolves, and in force for connections that are open. CW_USAGE naming the bad one, CW_LIMIT. */
  async set(networks: readonly string[]): Promise<void> {
    const list = new AllowList(networks);
    await this.#document.change(() => [{ networks: [...networks] }, undefined]);
    this.#list = list;
  }
}
