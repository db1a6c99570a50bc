/** Each stage of a copy alone: what the machine gives where nothing else runs. One thread a side. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createServer as createTlsServer } from 'node:tls';
import { hashBytes } from '../src/base/hash.ts';
import { createNodeIdentities } from '../src/world/node/identities.ts';
import { CASES, prepareSource, quickened } from './cases.ts';
import { Figures } from './figures.ts';
import { LOOPBACK } from './network.ts';
import type { Probe, ProbeContext } from './probes.ts';
import { chooseDirectory, createWorkplace } from './workplace.ts';

const GIB = 1 << 30;
const PIECE_BYTES = 1 << 20;
const CIPHERS = ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'];

interface Timed {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

async function timed(work: () => void | Promise<void>): Promise<Timed> {
  const [startMs, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - startMs) / 1000, cpuSeconds: (user + system) / 1e6 };
}

function forEachPiece(path: string, take: (piece: Buffer) => void): void {
  const buffer = Buffer.allocUnsafe(PIECE_BYTES);
  const descriptor = openSync(path, 'r');
  try {
    for (;;) {
      const count = readSync(descriptor, buffer);
      if (count === 0) return;
      take(buffer.subarray(0, count));
    }
  } finally {
    closeSync(descriptor);
  }
}

function writeFlushed(path: string, sizeBytes: number): void {
  const piece = Buffer.alloc(PIECE_BYTES, 7);
  const descriptor = openSync(path, 'w');
  try {
    for (let at = 0; at < sizeBytes; at += piece.byteLength) writeSync(descriptor, piece);
    fdatasyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

async function send(socket: Socket, sizeBytes: number): Promise<void> {
  const piece = Buffer.alloc(PIECE_BYTES, 7);
  for (let sent = 0; sent < sizeBytes; sent += piece.byteLength)
    if (!socket.write(piece)) await once(socket, 'drain');
  socket.end();
}

/** Sends to a process of its own; seconds of the transfer, CPU seconds of both ends. */
async function overSocket(cipher: string | null, sizeBytes: number): Promise<Timed> {
  const identity = await createNodeIdentities().create('bench');
  const server: Server =
    cipher === null
      ? createTcpServer()
      : createTlsServer({
          cert: identity.certificatePem,
          key: identity.privateKeyPem,
          minVersion: 'TLSv1.3',
        });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const accepted = once(server, cipher === null ? 'connection' : 'secureConnection');
  const script = join(import.meta.dirname, 'stage_receiver.ts');
  const receiver = spawn(process.execPath, [script, String(port), cipher ?? ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(receiver.stdout)[Symbol.asyncIterator]();
  try {
    const [socket] = (await accepted) as [Socket];
    let receiverCpuSeconds = 0;
    const { seconds, cpuSeconds } = await timed(async () => {
      await send(socket, sizeBytes);
      receiverCpuSeconds = Number((await lines.next()).value);
    });
    return { seconds, cpuSeconds: cpuSeconds + receiverCpuSeconds };
  } finally {
    receiver.kill();
    server.close();
  }
}

async function run({ directory, date, quick, rounds, say, signal }: ProbeContext) {
  const whole = CASES.find(({ name }) => name === 'file-1g-random')!;
  const which = quick ? quickened(whole) : whole;
  const place = createWorkplace(chooseDirectory(directory, which.sizeBytes), LOOPBACK);
  const figures = new Figures();
  const note = (stage: string, { seconds, cpuSeconds }: Timed) => {
    const share = which.sizeBytes / GIB;
    figures.add(`${stage}: GiB/s`, share / seconds);
    figures.add(`${stage}: CPU s/GiB`, cpuSeconds / share);
    say(`  ${stage}: ${(share / seconds).toFixed(2)} GiB/s, CPU ${(cpuSeconds / share).toFixed(2)} s/GiB`);
  };
  try {
    const { path } = prepareSource(which, place.source);
    const copy = join(place.destination, 'copy');
    for (let round = 0; round < rounds; round += 1) {
      signal.throwIfAborted();
      note('read', await timed(() => forEachPiece(path, () => undefined)));
      note('read and hash', await timed(() => forEachPiece(path, (piece) => void hashBytes(piece))));
      rmSync(copy, { force: true });
      note('write and flush', await timed(() => writeFlushed(copy, which.sizeBytes)));
      note('send, plain TCP', await overSocket(null, which.sizeBytes));
      for (const cipher of CIPHERS) note(`send, ${cipher}`, await overSocket(cipher, which.sizeBytes));
    }
  } finally {
    place.dispose();
  }
  return { what: STAGES.what, date, quick, figures: figures.record };
}

export const STAGES: Probe = {
  name: 'stages',
  what: 'each stage of a copy alone over 1 GiB, one thread a side, and each cipher class',
  run,
};
