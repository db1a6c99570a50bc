import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Clock } from '../../world/clock.ts';
import type { Dir } from '../../world/disk.ts';
import { StateFile } from './state_file.ts';
import { field, fieldList, type StateObject } from './state_json.ts';

/** How a key came to be trusted: by a pairing token, or as the first one on a channel that only the owner can open. */
export type PinHow = 'token' | 'first-use';

/** One trusted key. A fingerprint stands in the store once; a name may have several keys, unless first use gave it. */
export interface PinnedPeer {
  readonly fingerprint: string;
  readonly name: string;
  readonly pinnedAtMs: number;
  readonly how: PinHow;
  /** The key that this one follows: both are trusted until this one was seen. */
  readonly follows?: string;
}

const FILE_NAME = 'trusted.json';

/** True for SHA-256 in lower-case hex. */
export function isFingerprint(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** The keys that this device trusts, kept in `trusted.json`. A change counts once it is durable. */
export class TrustStore {
  readonly #file: StateFile;
  readonly #clock: Clock;
  #peers: readonly PinnedPeer[];
  #changes: Promise<void> = Promise.resolve();

  private constructor(file: StateFile, clock: Clock, peers: readonly PinnedPeer[]) {
    this.#file = file;
    this.#clock = clock;
    this.#peers = peers;
  }

  /** Reads the store of `dir`; `dirPath` is for messages. CW_DAEMON_STATE, naming the file, where it is damaged. */
  static async open(world: { readonly clock: Clock }, dir: Dir, dirPath: string): Promise<TrustStore> {
    const file = new StateFile(dir, dirPath, FILE_NAME);
    const stored = await file.read();
    const peers = stored === null ? [] : parsePeers(stored.body, file.description);
    return new TrustStore(file, world.clock, peers);
  }

  list(): readonly PinnedPeer[] {
    return this.#peers;
  }

  find(fingerprint: string): PinnedPeer | null {
    return this.#peers.find((peer) => peer.fingerprint === fingerprint) ?? null;
  }

  byName(name: string): readonly PinnedPeer[] {
    return this.#peers.filter((peer) => peer.name === name);
  }

  /**
   * Trusts a key. `replaceName` drops the other keys of that name in the same write: the machine was paired anew.
   * CW_LIMIT above `LIMITS.pinnedPeersMax`.
   */
  pin(peer: { fingerprint: string; name: string; how: PinHow }, replaceName: boolean): Promise<void> {
    return this.#change((peers) => {
      const kept = peers.filter(
        (old) => old.fingerprint !== peer.fingerprint && !(replaceName && old.name === peer.name),
      );
      if (kept.length >= LIMITS.pinnedPeersMax.value) {
        throw new CausewayError('CW_LIMIT', `${LIMITS.pinnedPeersMax.value} keys are trusted already`);
      }
      return [...kept, { ...peer, pinnedAtMs: this.#clock.wallMs() }];
    });
  }

  /**
   * Trusts the first key of a name. True where the name has this key, now or already. CW_PAIR_KEY_CHANGED where the
   * name has another one: looking and pinning are one step.
   */
  pinFirst(fingerprint: string, name: string): Promise<void> {
    return this.#change((peers) => {
      const pinned = peers.filter((peer) => peer.name === name);
      if (pinned.some((peer) => peer.fingerprint === fingerprint)) return peers;
      if (pinned.length > 0) throw keyChanged(name, fingerprint);
      return [...peers, { fingerprint, name, how: 'first-use', pinnedAtMs: this.#clock.wallMs() }];
    });
  }

  /**
   * Trusts `next` as well as `fingerprint`, under the same name, until {@link seen} is told of it. A key that was to follow
   * before is trusted no more. False where `fingerprint` is not trusted.
   */
  async follow(fingerprint: string, next: string): Promise<boolean> {
    let isKnown = false;
    await this.#change((peers) => {
      const former = peers.find((peer) => peer.fingerprint === fingerprint);
      isKnown = former !== undefined;
      if (former === undefined) return peers;
      if (peers.some((peer) => peer.fingerprint === next && peer.follows === fingerprint)) return peers;
      const kept = peers.filter((peer) => peer.fingerprint !== next && peer.follows !== fingerprint);
      const { name, how } = former;
      const pinnedAtMs = this.#clock.wallMs();
      return [...kept, { fingerprint: next, name, pinnedAtMs, how, follows: fingerprint }];
    });
    return isKnown;
  }

  /** The key that is to follow one; null where none is. */
  followerOf(fingerprint: string): string | null {
    return this.#peers.find((peer) => peer.follows === fingerprint)?.fingerprint ?? null;
  }

  /** A peer has proven this key: the one that it follows is trusted no more. */
  seen(fingerprint: string): Promise<void> {
    return this.#change((peers) => {
      const follows = peers.find((peer) => peer.fingerprint === fingerprint)?.follows;
      if (follows === undefined) return peers;
      return peers
        .filter((peer) => peer.fingerprint !== follows)
        .map((peer) => {
          if (peer.fingerprint !== fingerprint) return peer;
          const { follows: _, ...settled } = peer;
          return settled;
        });
    });
  }

  /** The key that was to follow is trusted no more. */
  async unfollow(fingerprint: string): Promise<void> {
    await this.#change((peers) => {
      const kept = peers.filter((peer) => peer.follows !== fingerprint);
      return kept.length === peers.length ? peers : kept;
    });
  }

  /** Trusts none of the keys of a name any longer; resolves with how many there were. */
  async unpin(name: string): Promise<number> {
    let removed = 0;
    await this.#change((peers) => {
      const kept = peers.filter((peer) => peer.name !== name);
      removed = peers.length - kept.length;
      return removed === 0 ? peers : kept;
    });
    return removed;
  }

  /** One change after the other: each starts from what the one before has made durable. */
  #change(edit: (peers: readonly PinnedPeer[]) => readonly PinnedPeer[]): Promise<void> {
    const change = this.#changes.then(async () => {
      const next = edit(this.#peers);
      if (next === this.#peers) return;
      await this.#file.write({ peers: next });
      this.#peers = next;
    });
    this.#changes = change.catch(() => undefined); // its caller learns of the failure; the next change starts afresh
    return change;
  }
}

/** The error of a key that is not the pinned one; fingerprints are public, both sides can compare them. */
export function keyChanged(name: string, fingerprint: string): CausewayError {
  return new CausewayError(
    'CW_PAIR_KEY_CHANGED',
    `${name} shows another key than the pinned one: ${fingerprint}`,
  );
}

function parsePeers(body: StateObject, description: string): PinnedPeer[] {
  return fieldList(body, 'peers', description).map((entry) => {
    const text = (name: string) => field(entry, name, 'string', description);
    const fingerprint = text('fingerprint');
    const how = text('how');
    if (!isFingerprint(fingerprint) || (how !== 'token' && how !== 'first-use')) {
      throw new CausewayError(
        'CW_DAEMON_STATE',
        `${description}: an entry has no valid fingerprint or origin`,
      );
    }
    return {
      fingerprint,
      name: text('name'),
      pinnedAtMs: field(entry, 'pinnedAtMs', 'number', description),
      how,
      ...(typeof entry['follows'] === 'string' && { follows: entry['follows'] }),
    };
  });
}
