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

  permits(address: string): boolean {
    return this.#list.permits(address);
  }

  /** Durable when it resolves, and in force for connections that are open. CW_USAGE naming the bad one, CW_LIMIT. */
  async set(networks: readonly string[]): Promise<void> {
    const list = new AllowList(networks);
    await this.#document.change(() => [{ networks: [...networks] }, undefined]);
    this.#list = list;
  }
}
