import { toHex } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { AgentUpdateView, UpdateVmRequest } from '../contract/machine_schemas.ts';
import type { VmView } from '../contract/schemas.ts';
import type { Link } from '../link/link.ts';
import type { Mux } from '../link/mux/mux.ts';
import { callRpc } from '../link/rpc.ts';
import type { OwnKeys } from '../link/session/own_keys.ts';
import { encodeAgentOffer, signedPartOf } from '../wire/agent_offer.ts';
import type { CborMap } from '../wire/cbor_value.ts';
import { boolean, optional, text } from '../wire/fields.ts';
import type { World } from '../world/world.ts';
import { within } from './within.ts';

/** What a machine gets. */
export interface LinkBuild {
  readonly id: string;
  readonly version: string;
  readonly module: Uint8Array;
  readonly hash: Uint8Array;
  readonly platform: string;
  readonly nodeMajor: number;
}

export interface LinkUpdatesParts {
  readonly world: World;
  readonly machines: { view(name: string): VmView; link(name: string): Link };
  readonly keys: OwnKeys;
  readonly build: (modulePath?: string) => Promise<LinkBuild>;
  /** A copy that runs with that machine; null where none does. */
  readonly copyWith: (vm: string) => string | null;
}

/** What an agent says of itself. */
interface AgentStatus {
  readonly buildId: string;
  readonly moduleHash: string;
  readonly isOnTrial: boolean;
  readonly refusal: string | undefined;
  readonly lastId: string | undefined;
  readonly lastWhy: string | undefined;
}

const TEXT_MAX_BYTES = 1024;
const LOOK_EVERY_MS = 200;

/** Brings the agent of this host to machines, over their links: signed with the key that they have pinned. */
export class LinkUpdates {
  readonly #parts: LinkUpdatesParts;
  readonly #running = new Set<string>();

  constructor(parts: LinkUpdatesParts) {
    this.#parts = parts;
  }

  /** CW_VM_UNKNOWN, CW_VM_OFFLINE, CW_AGENT_*, CW_USAGE. */
  async update(name: string, request: UpdateVmRequest): Promise<AgentUpdateView> {
    const { endpoint } = this.#parts.machines.view(name);
    if (endpoint.kind === 'ssh')
      throw new CausewayError(
        'CW_USAGE',
        `${name} is reached by ssh: \`causeway vm update\` brings its agent there`,
      );
    if (this.#running.has(name)) throw new CausewayError('CW_AGENT_BUSY', `${name} is being updated`);
    this.#running.add(name);
    try {
      return await this.#update(name, request);
    } finally {
      this.#running.delete(name);
    }
  }

  async #update(name: string, request: UpdateVmRequest): Promise<AgentUpdateView> {
    const { machines, build: make, copyWith } = this.#parts;
    const { state } = machines.view(name);
    if (state !== 'up') throw new CausewayError('CW_VM_OFFLINE', `${name} is not linked: it is ${state}`);
    const mux = await this.#ready(machines.link(name), LIMITS.handshakeTimeoutMs.value);
    const status = await this.#status(mux);
    if (status.refusal !== undefined)
      throw new CausewayError('CW_AGENT_FIXED', `the agent of ${name} takes no builds: ${status.refusal}`);
    const build = await make(request.modulePath);
    const about = { name, from: status.buildId, to: build.id };
    if (status.moduleHash === toHex(build.hash)) return { ...about, sentBytes: 0, state: 'current' };
    const sentBytes = build.module.byteLength;
    if (request.dryRun === true) return { ...about, sentBytes, state: 'would be updated' };
    const copy = copyWith(name);
    if (copy !== null && request.now !== true)
      throw new CausewayError('CW_AGENT_BUSY', `the copy ${copy} runs with ${name}`);
    await this.#send(mux, build, request.allowDowngrade === true);
    await this.#settled(name, build);
    return { ...about, sentBytes, state: 'updated' };
  }

  async #send(mux: Mux, build: LinkBuild, allowDowngrade: boolean): Promise<void> {
    const { world, keys } = this.#parts;
    const agent = mux.stats.peer.fingerprint ?? '';
    // after a change of keys this machine may still know the former one
    const identity = keys.of(mux.stats.peer.ownFingerprint);
    const { id: buildId, version, hash, platform, nodeMajor, module } = build;
    const sizeBytes = module.byteLength;
    const described = { buildId, version, sizeBytes, hash, platform, nodeMajor, agent, allowDowngrade };
    const offer = encodeAgentOffer(described);
    const signature = world.identities.sign(identity, signedPartOf(offer));
    await this.#call(mux, 'agentOffer', { offer, signature, certificate: identity.certificatePem });
    const pieceBytes = LIMITS.agentPieceBytes.value;
    for (let offset = 0; offset < sizeBytes; offset += pieceBytes)
      await this.#call(mux, 'agentPiece', { offset, bytes: module.subarray(offset, offset + pieceBytes) });
    try {
      await this.#call(mux, 'agentTry', {});
    } catch (failure) {
      // the agent leaves to make room: its answer may be lost with the link, and what became of it is asked afterwards
      if (!asCausewayError(failure).code.startsWith('CW_LINK_')) throw failure;
    }
  }

  /** Waits until the agent has decided. CW_AGENT_ROLLED_BACK. */
  async #settled(name: string, build: LinkBuild): Promise<void> {
    const { clock } = this.#parts.world;
    const { agentTrialMs, execHandshakeTimeoutMs, agentTrialStarts } = LIMITS;
    // an agent that is started by each attempt to connect gets that often the time of an attempt
    const limitMs = agentTrialMs.value + (agentTrialStarts.value + 1) * execHandshakeTimeoutMs.value;
    const endMs = clock.monotonicMs() + limitMs;
    let missing = 'no answer';
    while (clock.monotonicMs() < endMs) {
      await clock.sleep(LOOK_EVERY_MS);
      const status = await this.#look(name, endMs - clock.monotonicMs());
      if (typeof status === 'string') {
        missing = status;
        continue;
      }
      if (status.isOnTrial) continue;
      if (status.buildId === build.id) return;
      const why = status.lastId === build.id ? status.lastWhy : 'the agent does not know of it';
      throw new CausewayError('CW_AGENT_ROLLED_BACK', `${name} has ${status.buildId} again: ${why}`);
    }
    throw new CausewayError('CW_VM_OFFLINE', `${name} has not come back with ${build.id}: ${missing}`);
  }

  /** What the agent says now, or why it says nothing. A machine that is removed meanwhile ends the waiting. */
  async #look(name: string, leftMs: number): Promise<AgentStatus | string> {
    const link = this.#parts.machines.link(name);
    try {
      return await this.#status(await this.#ready(link, Math.min(leftMs, LIMITS.handshakeTimeoutMs.value)));
    } catch (failure) {
      return asCausewayError(failure).message;
    }
  }

  #ready(link: Link, limitMs: number): Promise<Mux> {
    return this.#within(limitMs, (signal) => link.ready(signal));
  }

  async #status(mux: Mux): Promise<AgentStatus> {
    try {
      const fields = await this.#call(mux, 'agentStatus', {});
      const word = (name: string) => optional(fields, name, (map, key) => text(map, key, TEXT_MAX_BYTES));
      return {
        buildId: text(fields, 'buildId', TEXT_MAX_BYTES),
        moduleHash: text(fields, 'moduleHash', TEXT_MAX_BYTES),
        isOnTrial: boolean(fields, 'isOnTrial'),
        refusal: word('refusal'),
        lastId: word('lastId'),
        lastWhy: word('lastWhy'),
      };
    } catch (failure) {
      const error = asCausewayError(failure);
      if (error.code !== 'CW_UNSUPPORTED') throw error;
      throw new CausewayError(
        'CW_AGENT_FIXED',
        'the agent is of a version that takes no builds over its link',
      );
    }
  }

  #call(mux: Mux, method: string, params: CborMap): Promise<CborMap> {
    const limitMs = LIMITS.commandTimeoutMs.value;
    return this.#within(limitMs, (signal) => callRpc(mux, method, params, signal));
  }

  #within<T>(limitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(this.#parts.world.clock, limitMs, work);
  }
}
