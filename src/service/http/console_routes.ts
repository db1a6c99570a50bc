import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Disk } from '../../world/disk.ts';
import { type ConsoleFile, readConsole } from './console_files.ts';

const NOT_BUILT = 'The console is not built: run `npm run build`, then reload this page.\n';

/** Serves the files of the console; a folder that comes later is found. */
export function addConsole(server: FastifyInstance, disk: Disk, folder: string): void {
  let files: ReadonlyMap<string, ConsoleFile> | null = null;
  server.get('/*', async (request, reply) => {
    files ??= await readConsole(disk, folder);
    const path = new URL(request.url, 'https://console').pathname;
    const file = files?.get(path === '/' ? '/index.html' : path);
    if (file !== undefined) return sendFile(request, reply, file);
    if (path !== '/') return reply.callNotFound();
    return reply.status(503).type('text/plain; charset=utf-8').send(NOT_BUILT);
  });
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: ConsoleFile): FastifyReply {
  const { bytes, type, etag, isImmutable } = file;
  reply.headers({
    etag,
    'cache-control': isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache',
  });
  if (request.headers['if-none-match'] === etag) return reply.status(304).send();
  return reply.type(type).send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}
