import assert from 'node:assert/strict';
import { fromUtf8, utf8 } from '../../src/base/bytes.ts';
import type { AcceptedLink } from '../../src/link/accepted_link.ts';
import type { Link } from '../../src/link/link.ts';
import type { LinkServer } from '../../src/link/link_server.ts';
import type { Mux, Stream } from '../../src/link/mux/mux.ts';
import type { ServeTrust } from '../../src/link/reception.ts';
import { loadIdentity } from '../../src/link/session/identity_store.ts';
import { StoreTrust } from '../../src/link/session/store_trust.ts';
import { TrustStore } from '../../src/link/session/trust_store.ts';
import type { TlsIdentity } from '../../src/world/net.ts';
import type { World } from '../../src/world/world.ts';

export const FOREVER = new AbortController().signal;

/** A device's own files, as a program opens them at its start. */
export interface Device {
  readonly identity: TlsIdentity;
  readonly store: TrustStore;
}

export async function openDevice(world: World): Promise<Device> {
  const dir = await world.disk.openRoot('/');
  const identity = await loadIdentity(world, dir, '/');
  return { identity, store: await TrustStore.open(world, dir, '/') };
}

/** The first key on the channel is pinned. */
export function firstUse(device: Device, name = 'host'): ServeTrust {
  return {
    kind: 'policy',
    policy: new StoreTrust({ store: device.store, tokens: null, firstUseName: name }),
  };
}

/** Accepts links for as long as the server serves, tells of each one, and answers each message with itself. */
export async function serveEcho(
  server: LinkServer,
  onLink: (link: AcceptedLink) => void = () => undefined,
): Promise<void> {
  for (;;) {
    const link = await server.accept(FOREVER);
    onLink(link);
    void echoStreams(await link.ready(FOREVER));
  }
}

async function echoStreams(mux: Mux): Promise<void> {
  for (;;) {
    const stream = await mux.accept(FOREVER).catch(() => null); // the mux is closed
    if (stream === null) return;
    void echo(stream);
  }
}

async function echo(stream: Stream): Promise<void> {
  try {
    for (;;) {
      const message = await stream.receive();
      if (message === null) return await stream.end();
      const copy = message.bytes.slice();
      message.release();
      await stream.send([copy]);
    }
  } catch {
    // the stream ended with its session: the other side sees the reason
  }
}

/** Sends numbered messages over one stream and checks that each comes back, in order. */
export class EchoClient {
  readonly #stream: Stream;
  #sent = 0;
  #count = 0;

  private constructor(stream: Stream) {
    this.#stream = stream;
  }

  static async open(mux: Mux): Promise<EchoClient> {
    return new EchoClient(await mux.open('rpc', { streamClass: 'interactive', opening: new Uint8Array(0) }));
  }

  /** Messages that have come back. */
  get count(): number {
    return this.#count;
  }

  async send(): Promise<void> {
    const bytes = utf8(`message ${this.#sent}`);
    this.#sent += 1;
    await this.#stream.send([bytes]);
  }

  async receive(): Promise<void> {
    const message = await this.#stream.receive();
    assert.ok(message !== null, 'the stream was ended');
    assert.equal(fromUtf8(message.bytes), `message ${this.#count}`);
    message.release();
    this.#count += 1;
  }

  async exchange(): Promise<void> {
    await this.send();
    await this.receive();
  }
}

/** One message there and back over the link's present mux. */
export async function proves(link: Link): Promise<void> {
  const client = await EchoClient.open(await link.ready(FOREVER));
  await client.exchange();
}
