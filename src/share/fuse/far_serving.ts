import { toHex } from '../../base/bytes.ts';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { LeaseFigures } from '../../cache/lease/lease_counts.ts';
import type { LanePort } from '../../link/lane/lane_port.ts';
import type { Stream, StreamMessage } from '../../link/mux/mux.ts';
import { decodeMountHello, encodeMountReady, type MountHello } from '../../wire/mount_messages.ts';
import type { Clock } from '../../world/clock.ts';
import type { FolderServer, LeaseSeat } from '../../world/mounts.ts';
import { DetourOffers } from './detour_offers.ts';
import { LeaseDesk, type LeaseGate } from './lease_desk.ts';

/** Starts what serves a folder, for the mount of another machine that says so of itself, with what it has leases by. */
export type StartServer = (hello: MountHello, leases: LeaseSeat) => Promise<FolderServer>;

interface Kept {
  /** Who it is at the desk of leases. */
  readonly holder: string;
  readonly server: FolderServer;
  /** The stream that is served; null while the other machine is away. */
  stream: Stream | null;
  /** Aborted when the other machine is back. */
  readonly away: AbortController | null;
}

/**
 * Folders that this machine serves to mounts of another one, by the ids of the mounts. While the link is away what the
 * mount has open is kept, for LIMITS.mountServerKeepMs.
 */
export class FarServing {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  readonly #leases: LeaseDesk;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#leases = new LeaseDesk(clock);
  }

  get size(): number {
    return this.#kept.size;
  }

  /** How the leases of a mount fare; null where it is not served. */
  leasesOf(mountId: Uint8Array): LeaseFigures | null {
    const kept = this.#kept.get(toHex(mountId));
    return kept === undefined ? null : this.#leases.figuresOf(kept.holder);
  }

  /** Where others in this process wait for the leases of these mounts. */
  get gate(): LeaseGate {
    return this.#leases;
  }

  /**
   * Serves a mount until its stream ends; never throws. Null where it ended well, otherwise why. `settled` is called once it
   * is served; `lanes` gives the mount connections beside the link.
   */
  async serve(
    stream: Stream,
    mountId: Uint8Array,
    start: StartServer,
    settled: () => void = () => undefined,
    lanes: LanePort | null = null,
  ): Promise<CausewayError | null> {
    const id = toHex(mountId);
    try {
      const hello = decodeMountHello(await firstMessage(stream));
      const found = this.#kept.get(id);
      const known = hello.begins === true ? undefined : found;
      found?.away?.abort();
      found?.stream?.reset(
        new CausewayError('CW_LINK_STREAM_RESET', 'the mount has come back on another stream'),
      );
      if (known === undefined && found !== undefined) {
        this.#kept.delete(id);
        await found.server.close(); // with the locks of programs that are gone
      }
      if (known === undefined && this.#kept.size >= LIMITS.mountsMax.value)
        throw new CausewayError('CW_LIMIT', 'there are too many mounts');
      const { server, holder } = known ?? (await this.#started(start, hello));
      const kept: Kept = { server, holder, stream, away: null };
      this.#kept.set(id, kept);
      void server.ended.then(() => this.#forget(id, server));
      const adopt = server.adopt?.bind(server);
      const offers = lanes !== null && adopt !== undefined ? new DetourOffers(stream, lanes, adopt) : null;
      await stream.send([
        encodeMountReady({
          isKept: known !== undefined,
          wallMs: Math.floor(this.#clock.wallMs()),
          ...(hello.hears === true && { tells: true }),
          ...(hello.leases === true && { leases: true }),
          ...(offers !== null && { detours: true }),
        }),
      ]);
      settled();
      return await this.#pump(id, kept, stream, offers).finally(() => offers?.end());
    } catch (failure) {
      const error = asCausewayError(failure);
      stream.reset(error);
      return error;
    }
  }

  /** Ends one that is not wanted any more, or does nothing. */
  async end(mountId: Uint8Array): Promise<void> {
    const kept = this.#kept.get(toHex(mountId));
    kept?.away?.abort();
    await kept?.server.close();
  }

  async close(): Promise<void> {
    this.#leases.close();
    const all = [...this.#kept.values()];
    this.#kept.clear();
    for (const { away, server } of all) {
      away?.abort();
      await server.close();
    }
  }

  async #started(start: StartServer, hello: MountHello): Promise<Pick<Kept, 'server' | 'holder'>> {
    const gives = hello.leases === true && hello.hears === true;
    const server = await start(hello, { words: this.#leases.memory, gives });
    return { server, holder: this.#leases.join(server) };
  }

  async #pump(
    id: string,
    kept: Kept,
    stream: Stream,
    offers: DetourOffers | null,
  ): Promise<CausewayError | null> {
    const { server } = kept;
    server.start((bytes, release) => {
      if (kept.stream !== stream) return release();
      stream.send([bytes], release).catch(() => undefined); // the stream is over: it is told below
    });
    void server.ended.then((why) =>
      stream.reset(why ?? new CausewayError('CW_LINK_STREAM_RESET', 'the folder is served no more')),
    );
    try {
      for (;;) {
        const message = await stream.receive();
        if (message === null) {
          await server.close(); // the mount is gone for good
          await stream.end();
          return null;
        }
        const mark = DetourOffers.markOf(message.bytes);
        if (mark === null) await given(message, server);
        else {
          offers?.hear(mark);
          message.release();
        }
      }
    } catch (failure) {
      const error = asCausewayError(failure);
      stream.reset(error);
      if (this.#kept.get(id) === kept) this.#wait(id, kept);
      return error;
    }
  }

  /** What the mount has open is kept for a while. */
  #wait(id: string, { server, holder }: Kept): void {
    const away = new AbortController();
    this.#kept.set(id, { server, holder, stream: null, away });
    server.start((_bytes, release) => release()); // answers that nobody waits for any more
    this.#clock.sleep(LIMITS.mountServerKeepMs.value, away.signal).then(
      () => void server.close(),
      () => undefined, // it is back, or was ended
    );
  }

  #forget(id: string, server: FolderServer): void {
    if (this.#kept.get(id)?.server === server) this.#kept.delete(id);
  }
}

async function given(message: StreamMessage, server: FolderServer): Promise<void> {
  try {
    await server.serve(message.bytes);
  } finally {
    message.release();
  }
}

/** The bytes of the next message. CW_WIRE_TRUNCATED where there is none. */
export async function firstMessage(stream: Stream): Promise<Uint8Array> {
  const message = await stream.receive();
  if (message === null) throw new CausewayError('CW_WIRE_TRUNCATED', 'a mount ended before it began');
  const bytes = new Uint8Array(message.bytes);
  message.release();
  return bytes;
}
