import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Conn, Net } from '../../world/net.ts';
import type { FoundChannel, FoundMachine } from './found.ts';

interface Reply {
  readonly QMP?: object;
  readonly return?: unknown;
  readonly error?: { readonly desc?: string };
  readonly id?: number;
}

/**
 * QEMU's control socket (QMP): one JSON document a line. It serves one client at a time, so that whoever finds it taken
 * waits; the caller closes `conn` where that lasts too long.
 */
export class Qmp {
  readonly #conn: Conn;
  readonly #buffer = new Uint8Array(64 * 1024);
  #rest = '';
  #lastId = 0;

  private constructor(conn: Conn) {
    this.#conn = conn;
  }

  /** CW_QMP where nothing or something else answers. */
  static async open(conn: Conn): Promise<Qmp> {
    const qmp = new Qmp(conn);
    if ((await qmp.#next()).QMP === undefined) throw broken('it does not greet as QEMU does');
    await qmp.run('qmp_capabilities');
    return qmp;
  }

  /** CW_QMP with QEMU's words where it refuses. */
  async run(execute: string, args: object = {}): Promise<unknown> {
    this.#lastId += 1;
    const id = this.#lastId;
    await this.#conn.write([utf8(`${JSON.stringify({ execute, arguments: args, id })}\n`)]);
    for (;;) {
      const reply = await this.#next();
      if (reply.id !== id) continue; // an event
      if (reply.error === undefined) return reply.return;
      throw broken(String(reply.error.desc ?? 'it refuses').slice(0, 500));
    }
  }

  async #next(): Promise<Reply> {
    for (;;) {
      const cut = this.#rest.indexOf('\n');
      if (cut >= 0) {
        const line = this.#rest.slice(0, cut);
        this.#rest = this.#rest.slice(cut + 1);
        if (line.trim() !== '') return replyOf(line);
        continue;
      }
      if (this.#rest.length > LIMITS.qmpLineMaxBytes.value) throw broken('a line has no end');
      const moved = await this.#conn.read(this.#buffer, 1);
      if (moved === 0) throw broken('it has hung up');
      const text = fromUtf8(this.#buffer.subarray(0, moved));
      if (text === null) throw broken('it does not speak UTF-8');
      this.#rest += text;
    }
  }
}

function replyOf(line: string): Reply {
  try {
    const reply: unknown = JSON.parse(line);
    if (typeof reply === 'object' && reply !== null) return reply as Reply;
  } catch {
    // said below
  }
  throw broken('it does not answer in JSON');
}

function broken(why: string): CausewayError {
  return new CausewayError('CW_QMP', `the control socket of QEMU: ${why}`);
}

/** What a QEMU tells of itself on the socket at `path`. CW_QMP, CW_LINK_REFUSED, CW_TIMEOUT. */
export async function askQemu(net: Net, path: string, signal: AbortSignal): Promise<FoundMachine> {
  const timeoutMs = LIMITS.qmpAnswerMs.value;
  const conn = await net.dial({ kind: 'unix', path }, { timeoutMs, signal });
  const stop = () => void conn.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) throw signal.reason;
    return await ask(await Qmp.open(conn), path);
  } catch (failure) {
    if (signal.aborted) throw signal.reason;
    throw failure;
  } finally {
    signal.removeEventListener('abort', stop);
    await conn.close();
  }
}

async function ask(qmp: Qmp, path: string): Promise<FoundMachine> {
  const text = (value: unknown, name: string) => {
    const found = (value as Record<string, unknown> | null)?.[name];
    return typeof found === 'string' && found !== '' ? found.slice(0, 255) : null;
  };
  const name = text(await qmp.run('query-name'), 'name') ?? path;
  const uuid = text(await qmp.run('query-uuid'), 'UUID');
  const status = text(await qmp.run('query-status'), 'status');
  const state = status === 'running' ? 'running' : status === null ? 'unknown' : 'paused';
  const isNone = uuid === null || /^[0-]+$/.test(uuid);
  return { foundBy: 'qemu', name, uuid: isNone ? null : uuid, state, channels: await channelsOf(qmp) };
}

/** Ports by QEMU's object tree; which socket each has, by its character devices. */
async function channelsOf(qmp: Qmp): Promise<FoundChannel[]> {
  const sockets = new Map<string, string>();
  for (const { label, filename } of listOf(await qmp.run('query-chardev'))) {
    const path = /^(?:disconnected:)?unix:([^,]+)/.exec(String(filename))?.[1];
    if (path?.startsWith('/')) sockets.set(String(label), path);
  }
  const channels: FoundChannel[] = [];
  for (const folder of ['/machine/peripheral', '/machine/peripheral-anon'])
    for (const { name, type } of listOf(await qmp.run('qom-list', { path: folder }))) {
      if (type !== 'child<virtserialport>' || channels.length >= LIMITS.discoveredMax.value) continue;
      const path = `${folder}/${String(name)}`;
      const port = await qmp.run('qom-get', { path, property: 'name' });
      const chardev = await qmp.run('qom-get', { path, property: 'chardev' });
      channels.push({ name: String(port).slice(0, 255), path: sockets.get(String(chardev)) ?? null });
    }
  return channels;
}

function listOf(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value)
    ? value.slice(0, 1_000).filter((one) => typeof one === 'object' && one !== null)
    : [];
}
