import { CausewayError } from '../../base/errors.ts';
import { joinAbsolute } from '../../base/path.ts';
import type { StartJobRequest } from '../../contract/schemas.ts';
import type { UploadFolders } from '../job_ground.ts';

/** The request with the paths where the files of its upload lie, which nobody but the copy is told. */
export function stagedRequest(request: StartJobRequest, uploads: UploadFolders | undefined): StartJobRequest {
  const { upload, sources } = request;
  if (upload === undefined) return request;
  if (uploads === undefined) throw new CausewayError('CW_UNSUPPORTED', 'this daemon takes no uploads');
  const folder = uploads.folderOf(upload);
  return { ...request, sources: sources.map((name) => joinAbsolute(folder, name)) };
}
