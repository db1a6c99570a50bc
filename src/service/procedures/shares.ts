import type { RollBackRequest, RolledBackView } from '../../contract/rollback_schemas.ts';
import type { CreateShareRequest, SetShareRequest } from '../../contract/share_schemas.ts';
import { param } from '../caller.ts';
import type { Details, Procedure } from '../procedure.ts';

const createShare: Procedure = {
  subject: (_parts, { body }) => `share:${(body as CreateShareRequest).name ?? ''}`,
  details: ({ body }) => requestDetails(body as CreateShareRequest),
  act: ({ shares }, { body }) => shares.create(body as CreateShareRequest),
};

export const SHARE_PROCEDURES = {
  listShares: { act: ({ shares }) => shares.views() },
  createShare,
  showShare: one(({ shares }, call) => shares.view(param(call, 'name'))),
  setShare: {
    ...one(({ shares }, call) => shares.set(param(call, 'name'), call.body as SetShareRequest)),
    details: ({ body }) => requestDetails(body as SetShareRequest),
  },
  removeShare: one(async ({ shares }, call) => {
    await shares.remove(param(call, 'name'));
    return {};
  }),
  listBatches: one(({ shares }, call) => shares.batches(param(call, 'name'))),
  rollBack: {
    ...one(({ shares }, call) => shares.rollBack(param(call, 'name'), call.body as RollBackRequest)),
    details: ({ body }) => ({ rollback: true, ...(body as RollBackRequest) }),
    outcome: (result) => ({ batch: (result as RolledBackView).batch }),
  },
} satisfies Record<string, Procedure>;

/** About the share that the path names. */
function one(act: Procedure['act']): Procedure {
  return { subject: (_parts, call) => `share:${param(call, 'name')}`, act };
}

function requestDetails(request: CreateShareRequest | SetShareRequest): Details {
  const details: Record<string, string | boolean> = {};
  for (const [key, value] of Object.entries(request))
    details[key] = typeof value === 'boolean' ? value : String(value).slice(0, 4_096);
  return details;
}
