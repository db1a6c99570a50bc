import type { FastifyInstance } from 'fastify';
import { asCausewayError, CausewayError } from '../../base/errors.ts';
import { UPLOAD_FILE_PATH } from '../../contract/routes.ts';
import { UploadFileRequest } from '../../contract/upload_schemas.ts';
import { ownerOf } from '../caller.ts';
import { uploadPlaces } from '../procedures/uploads.ts';
import type { Service } from '../service.ts';
import { refuseForged } from './credentials.ts';
import type { ApiPlace } from './routes.ts';

const BYTES = 'application/octet-stream';

/**
 * Takes the files of uploads: the bytes go to the disk as they come, and no faster than it takes them. The record of the
 * upload, and of the copy that is made of it, speaks for its files.
 */
export function addUploadRoute(server: FastifyInstance, service: Service, place: ApiPlace): void {
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(BYTES, (_request, _payload, done) => done(null));
    const { prefix, credentials, isLocal } = place;
    scope.route({
      method: 'PUT',
      url: `${prefix}${UPLOAD_FILE_PATH}`,
      config: { procedure: 'putUploadFile', isStream: true },
      bodyLimit: Number.MAX_SAFE_INTEGER, // the upload counts its bytes itself
      schema: { querystring: UploadFileRequest },
      handler: async (request) => {
        const caller = credentials(request);
        if (!isLocal) refuseForged(service.parts.identity, request, caller, false);
        const { id } = request.params as { id: string };
        if (caller.principal.kind === 'nobody')
          throw new CausewayError('CW_AUTH_REQUIRED', 'nobody has signed in');
        await service.permit(caller, 'upload.change', uploadPlaces(service.parts, caller, id));
        const { path, mtimeMs = null } = request.query as UploadFileRequest;
        const body = piecesOf(request.raw);
        await service.parts.uploads.write(ownerOf(caller), id, { path, mtimeMs, body });
        return {};
      },
    });
  });
}

/** The body as it comes. CW_LINK_CLOSED where its sender went away in the middle. */
async function* piecesOf(raw: AsyncIterable<Uint8Array> & { readonly complete: boolean }) {
  try {
    for await (const piece of raw) yield piece;
  } catch (failure) {
    throw new CausewayError('CW_LINK_CLOSED', asCausewayError(failure).message, { cause: failure });
  }
  if (!raw.complete) throw new CausewayError('CW_LINK_CLOSED', 'the sender went away');
}
