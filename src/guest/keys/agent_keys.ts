import { CausewayError } from '../../base/errors.ts';
import type { RpcHandler } from '../../link/rpc.ts';
import { checkKeyChange, proveKeyChange } from '../../link/session/key_change.ts';
import type { OwnKeys } from '../../link/session/own_keys.ts';
import type { CborMap } from '../../wire/cbor_value.ts';
import { bytes, text } from '../../wire/fields.ts';
import { KEY_NONCE_BYTES } from '../../wire/key_change.ts';
import type { World } from '../../world/world.ts';
import type { HostPins } from './host_pins.ts';

export interface AgentKeysParts {
  readonly world: Pick<World, 'identities' | 'random'>;
  readonly keys: OwnKeys;
  readonly pins: HostPins;
}

/** What an agent answers a host that has its key changed, or has changed its own. */
export class AgentKeys {
  readonly #parts: AgentKeysParts;
  /** What the host has to sign for the change that it asked for last; used once. */
  #asked: { readonly host: string; readonly nonce: Uint8Array } | null = null;

  constructor(parts: AgentKeysParts) {
    this.#parts = parts;
  }

  /** `host` is the key that the peer has proven on its present connection; null without keys. */
  methods(host: () => string | null): Record<string, RpcHandler> {
    return {
      agentKeyMake: async (params) => this.#make(proven(host()), params),
      agentKeyUse: async (params) => this.#use(proven(host()), params),
      hostKeyAsk: async () => this.#ask(proven(host())),
      hostKeyTake: async (params) => this.#take(proven(host()), params),
    };
  }

  /** A link with that key of the host is up. */
  async linked(host: string | null): Promise<void> {
    if (host !== null) await this.#parts.pins.seen(host);
  }

  /** A new key, which is used once the host trusts it. */
  async #make(host: string, params: CborMap): Promise<CborMap> {
    const { world, keys, pins } = this.#parts;
    if (pins.isSharedBy(host))
      throw new CausewayError('CW_PAIR_FIXED', 'another host knows this agent by its key as well');
    const nonce = bytes(params, 'nonce', KEY_NONCE_BYTES);
    const from = keys.current;
    const to = await keys.prepare();
    return proveKeyChange(world.identities, { from, to }, { owner: 'agent', peer: host, nonce });
  }

  async #use(_host: string, params: CborMap): Promise<CborMap> {
    return { isUsed: await this.#parts.keys.use(text(params, 'fingerprint', 64)) };
  }

  async #ask(host: string): Promise<CborMap> {
    const nonce = this.#parts.world.random.bytes(KEY_NONCE_BYTES);
    this.#asked = { host, nonce };
    return { nonce };
  }

  async #take(host: string, params: CborMap): Promise<CborMap> {
    const { world, keys, pins } = this.#parts;
    const asked = this.#asked;
    this.#asked = null;
    if (asked === null || asked.host !== host)
      throw new CausewayError('CW_PAIR_PROOF', 'nobody has asked to change the key of the host');
    const about = { owner: 'host', from: host, peer: keys.current.fingerprint, nonce: asked.nonce } as const;
    const next = checkKeyChange(world.identities, params, about);
    if (!(await pins.follow(host, next)))
      throw new CausewayError('CW_PAIR_PROOF', 'the key of this link is not one that this agent has pinned');
    return {};
  }
}

function proven(host: string | null): string {
  if (host !== null) return host;
  throw new CausewayError('CW_PAIR_FIXED', 'the link has no keys (--trust-carrier)');
}
