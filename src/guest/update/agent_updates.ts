import { toHex } from '../../base/bytes.ts';
import { CausewayError, type ErrorCode } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { RpcHandler } from '../../link/rpc.ts';
import { compareVersions, decodeAgentOffer, SIGNATURE_BYTES, signedPartOf } from '../../wire/agent_offer.ts';
import type { CborMap } from '../../wire/cbor_value.ts';
import { bytes, bytesUpTo, text, uint } from '../../wire/fields.ts';
import type { DiskFile } from '../../world/disk.ts';
import type { Identities } from '../../world/net.ts';
import type { StoredBuild, UpdateStore } from './update_store.ts';

/** The build that runs. */
export interface RunningBuild {
  readonly version: string;
  readonly buildId: string;
  /** BLAKE3 of the module, hex; null where nobody can tell. */
  readonly moduleHash: string | null;
  readonly entryId: string;
  readonly platform: string;
  readonly nodeMajor: number;
  /** It is on trial, and its parent watches it. */
  readonly isOnTrial: boolean;
}

export interface AgentUpdatesParts {
  readonly identities: Identities;
  readonly store: UpdateStore;
  readonly running: RunningBuild;
  /** This agent's own key. */
  readonly fingerprint: () => string;
  /** Why this agent takes no builds at all; null where it does. */
  readonly fixed: string | null;
  /** The link is stdin and stdout. */
  readonly isCounted: boolean;
}

interface Incoming {
  readonly host: string;
  readonly build: StoredBuild;
  readonly file: DiskFile;
  receivedBytes: number;
}

const CERTIFICATE_MAX_BYTES = 8 * 1024;

/** What an agent answers a host that brings it a new build. */
export class AgentUpdates {
  readonly #parts: AgentUpdatesParts;
  readonly #asked = Promise.withResolvers<void>();
  #incoming: Incoming | null = null;
  #isAsked = false;

  constructor(parts: AgentUpdatesParts) {
    this.#parts = parts;
  }

  /** Resolves once a build is there, whole, and is to be tried. */
  get asked(): Promise<void> {
    return this.#asked.promise;
  }

  /** A build that has got the host's link is good. */
  async linked(): Promise<void> {
    const { store, running, isCounted } = this.#parts;
    if (running.isOnTrial || !isCounted) return; // who watches the trial takes note of it
    if (store.state.trial?.isCounted === true && store.state.trial.id === running.buildId)
      await store.commit();
  }

  /** `host` tells the key that the peer has proven last; null on a link without keys. */
  methods(host: () => string | null): Record<string, RpcHandler> {
    return {
      agentStatus: async () => this.#status(host()),
      agentOffer: async (params) => this.#offer(host(), params),
      agentPiece: async (params) => this.#piece(host(), params),
      agentTry: async () => this.#try(host()),
    };
  }

  async close(): Promise<void> {
    await this.#forget();
  }

  #status(host: string | null): CborMap {
    const { store, running } = this.#parts;
    const { version, buildId, moduleHash, platform, nodeMajor, isOnTrial } = running;
    const refusal = this.#refusal(host);
    const { trial, last } = store.state;
    return {
      version,
      buildId,
      platform,
      nodeMajor,
      moduleHash: moduleHash ?? '',
      isOnTrial: isOnTrial || this.#isAsked || trial !== null,
      ...(refusal !== null && { refusal }),
      ...(last !== null && { lastId: last.id, lastWhy: last.why ?? '' }),
    };
  }

  #refusal(host: string | null): string | null {
    if (this.#parts.fixed !== null) return this.#parts.fixed;
    return host === null ? 'the link has no keys (--trust-carrier), so that nobody can sign' : null;
  }

  /** Looks at who offers what before a byte is taken. */
  async #offer(host: string | null, params: CborMap): Promise<CborMap> {
    const refusal = this.#refusal(host);
    if (refusal !== null || host === null) throw refused('CW_AGENT_FIXED', refusal ?? 'there is no key');
    this.#refuseWhileTrying();
    const encoded = bytesUpTo(params, 'offer', LIMITS.helloMaxBytes.value);
    const signed = {
      message: signedPartOf(encoded),
      signature: bytes(params, 'signature', SIGNATURE_BYTES),
      certificatePem: text(params, 'certificate', CERTIFICATE_MAX_BYTES),
    };
    const { identities, store, running } = this.#parts;
    const { entryId, version } = running;
    if (!identities.verify(signed, host))
      throw refused(
        'CW_AGENT_SIGNATURE',
        'the offer is not signed with the key of the host that this agent trusts',
      );
    const offer = decodeAgentOffer(encoded);
    if (offer.agent !== this.#parts.fingerprint())
      throw refused('CW_AGENT_SIGNATURE', 'the offer was signed for another agent');
    this.#refuseForeign(offer.platform, offer.nodeMajor);
    if (compareVersions(offer.version, version) < 0 && !offer.allowDowngrade)
      throw refused('CW_AGENT_OLDER', `${offer.version} is offered, and ${version} runs`);
    await this.#forget();
    await store.save({ last: null });
    await store.tidy();
    const { buildId: id, sizeBytes } = offer;
    const build = { id, version: offer.version, sizeBytes, hash: toHex(offer.hash), entryId, host };
    this.#incoming = { host, build, file: await store.receive(), receivedBytes: 0 };
    return {};
  }

  #refuseForeign(platform: string, nodeMajor: number): void {
    const { platform: own, nodeMajor: ownNode } = this.#parts.running;
    if (platform !== own)
      throw refused('CW_AGENT_PLATFORM', `the build is for ${platform}, and this machine is ${own}`);
    if (nodeMajor !== ownNode)
      throw refused('CW_AGENT_PLATFORM', `the build is for Node ${nodeMajor}, and Node ${ownNode} runs here`);
  }

  async #piece(host: string | null, params: CborMap): Promise<CborMap> {
    const incoming = this.#of(host);
    const offset = uint(params, 'offset');
    const piece = bytesUpTo(params, 'bytes', LIMITS.agentPieceBytes.value);
    const { file, build, receivedBytes } = incoming;
    if (offset !== receivedBytes || offset + piece.byteLength > build.sizeBytes)
      throw refused('CW_AGENT_DAMAGED', `a piece at ${offset} does not fit behind ${receivedBytes}`);
    incoming.receivedBytes += piece.byteLength;
    for (let at = 0; at < piece.byteLength; ) at += await file.write(piece.subarray(at), offset + at);
    return {};
  }

  async #try(host: string | null): Promise<CborMap> {
    const { file, build, receivedBytes } = this.#of(host);
    const { store, isCounted } = this.#parts;
    this.#refuseWhileTrying();
    this.#isAsked = true;
    try {
      const isWhole = receivedBytes === build.sizeBytes && (await store.keep(file, build));
      if (!isWhole) throw refused('CW_AGENT_DAMAGED', `what came is not ${build.id}`);
      await store.save({ trial: { ...build, isCounted, starts: 0 } });
    } catch (failure) {
      this.#isAsked = false;
      throw failure;
    } finally {
      await this.#forget();
    }
    this.#asked.resolve();
    return {};
  }

  #refuseWhileTrying(): void {
    if (this.#isAsked || this.#parts.running.isOnTrial || this.#parts.store.state.trial !== null)
      throw refused('CW_AGENT_BUSY', 'a new agent is being tried there');
  }

  #of(host: string | null): Incoming {
    if (this.#incoming === null || this.#incoming.host !== host)
      throw refused('CW_AGENT_DAMAGED', 'another offer has taken its place');
    return this.#incoming;
  }

  async #forget(): Promise<void> {
    const incoming = this.#incoming;
    this.#incoming = null;
    await incoming?.file.close();
  }
}

function refused(code: ErrorCode, message: string): CausewayError {
  return new CausewayError(code, message);
}
