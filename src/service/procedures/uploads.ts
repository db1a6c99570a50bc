import type { Resource } from '../../access/rights/scope.ts';
import type {
  AddUploadFoldersRequest,
  CreateUploadRequest,
  UploadView,
} from '../../contract/upload_schemas.ts';
import { type Call, ownerOf, param } from '../caller.ts';
import type { ServiceParts } from '../ports.ts';
import type { Procedure } from '../procedure.ts';

/** Files that are sent to be copied. Each file comes by a route of its own: its bytes are no JSON. */
export const UPLOAD_PROCEDURES = {
  createUpload: {
    resources: (_parts, { body }) => placesOf(body as CreateUploadRequest),
    subject: (_parts, { body }) => {
      const { vms, destination } = body as CreateUploadRequest;
      return `vm:${vms.length === 1 ? vms[0] : '*'}:${destination}`;
    },
    details: ({ body }) => {
      const { files, bytes, vms } = body as CreateUploadRequest;
      return { files, bytes, vms: vms.join(' ') };
    },
    outcome: (view) => ({ upload: (view as UploadView).id }),
    act: ({ uploads }, { caller, body }) => uploads.create(ownerOf(caller), body as CreateUploadRequest),
  },
  showUpload: about(async ({ uploads }, call) => uploads.view(ownerOf(call.caller), param(call, 'id'))),
  addUploadFolders: {
    ...about(({ uploads }, call) => {
      const { paths } = call.body as AddUploadFoldersRequest;
      return uploads.addFolders(ownerOf(call.caller), param(call, 'id'), paths);
    }),
    details: ({ body }) => ({ folders: (body as AddUploadFoldersRequest).paths.length }),
  },
  removeUpload: about(async ({ uploads }, call) => {
    await uploads.remove(ownerOf(call.caller), param(call, 'id'));
    return {};
  }),
} satisfies Record<string, Procedure>;

/** About one upload: the rights to where its copy goes are decided on, and it is the caller's own. */
function about(act: Procedure['act']): Procedure {
  return {
    resources: (parts, call) => uploadPlaces(parts, call.caller, param(call, 'id')),
    subject: (_parts, call) => `upload:${param(call, 'id')}`,
    act,
  };
}

/** What the rights to an upload of the caller are decided by. CW_UPLOAD_UNKNOWN. */
export function uploadPlaces({ uploads }: ServiceParts, caller: Call['caller'], id: string): Resource[] {
  return placesOf(uploads.targets(ownerOf(caller), id));
}

function placesOf({ vms, destination }: Pick<CreateUploadRequest, 'vms' | 'destination'>): Resource[] {
  return vms.map((vm) => ({ kind: 'path', vm, path: destination }));
}
