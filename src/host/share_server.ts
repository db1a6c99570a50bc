import { NOBODY } from '../access/rights/principal.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { asDavFailure, DavFailure } from '../share/webdav/failure.ts';
import { options, sendFailure } from '../share/webdav/handler.ts';
import { MULTISTATUS_END, MULTISTATUS_HEAD, XML_TYPE } from '../share/webdav/multistatus.ts';
import { pathOfTarget } from '../share/webdav/paths.ts';
import type { HttpHandler, HttpReply, HttpRequest } from '../world/http.ts';
import type { LiveShare } from './share_live.ts';
import type { ShareRecords } from './share_records.ts';
import type { ShareSignIn, ShareUser } from './share_sign_in.ts';

/** Takes the measure of what goes in and out; the name of no share counts as the empty one. */
export type MeasureShare = (
  share: string,
  request: HttpRequest,
  reply: HttpReply,
) => { readonly request: HttpRequest; readonly reply: HttpReply };

export interface ShareServerParts {
  readonly find: (name: string) => LiveShare | null;
  readonly signIn: ShareSignIn;
  readonly records: ShareRecords;
  /** Whether a client with this address may speak at all. */
  readonly permits: (address: string) => boolean;
  readonly measure?: MeasureShare;
}

/** Answers requests to all shares of a daemon: the first part of the path is the name of the share. */
export function shareHandler(parts: ShareServerParts): HttpHandler {
  return async (given, answer) => {
    if (!parts.permits(given.address)) return answer.cut();
    const measured = parts.measure?.(nameOf(parts, given), given, answer);
    const { request, reply } = measured ?? { request: given, reply: answer };
    try {
      await route(parts, request, reply);
    } catch (thrown) {
      const { code } = asCausewayError(thrown);
      const failure =
        code === 'CW_AUTH_LOCKED' || code === 'CW_AUTH_BUSY'
          ? new DavFailure(429, 'too many attempts to sign in failed: wait a while')
          : asDavFailure(thrown);
      if (reply.isBegun) return reply.cut();
      await sendFailure(reply, failure);
    }
  };
}

/** The share that a request is about; empty where there is none of that name. */
function nameOf({ find }: ShareServerParts, { target }: HttpRequest): string {
  try {
    const name = pathOfTarget(target).path.split('/')[1] ?? '';
    return find(name) === null ? '' : name;
  } catch {
    return ''; // what is no path is refused where it is answered
  }
}

async function route(parts: ShareServerParts, request: HttpRequest, reply: HttpReply): Promise<void> {
  // Windows asks what the server is before it signs in; the answer is the same for every path
  if (request.method === 'OPTIONS') return options(reply);
  const name = pathOfTarget(request.target).path.split('/')[1] ?? '';
  if (name === '') return sendRoot(request, reply);
  const share = parts.find(name);
  // a share that does not exist asks for a password too: the names of the others are nobody's business
  if (share === null) throw unauthorised();
  const user = await signedIn(parts, share, request);
  const caller = { principal: user.principal, address: request.address, session: null };
  const records = parts.records.of(share.record, caller);
  await share.serve({ request, reply, user: user.name, records }, user.mayWrite);
}

/** Who asks; what was shown and is not right is recorded. */
async function signedIn(
  { signIn, records }: ShareServerParts,
  { record }: LiveShare,
  request: HttpRequest,
): Promise<ShareUser> {
  try {
    const user = await signIn.userOf(record, request);
    if (user !== null) return user;
    throw new CausewayError('CW_AUTH_WRONG', 'name or password of the share are wrong');
  } catch (failure) {
    const { code } = asCausewayError(failure);
    if (request.header('authorization') !== null && code !== 'CW_AUTH_BUSY')
      records.signInRefused(record, { principal: NOBODY, address: request.address, session: null }, failure);
    throw code === 'CW_AUTH_WRONG' ? unauthorised() : failure;
  }
}

/** Windows looks at the folder above a share; it is shown one without members. */
async function sendRoot({ method }: HttpRequest, reply: HttpReply): Promise<void> {
  if (method !== 'PROPFIND') throw new DavFailure(404, 'shares have names');
  const response =
    '<D:response><D:href>/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>';
  const body = Buffer.from(MULTISTATUS_HEAD + response + MULTISTATUS_END);
  reply.begin(207, { 'content-type': XML_TYPE, 'content-length': String(body.byteLength) });
  await reply.write(body);
  await reply.end();
}

function unauthorised(): DavFailure {
  return new DavFailure(401, 'sign in with the name of the share and its password', {
    headers: { 'www-authenticate': 'Basic realm="Causeway", charset="UTF-8"' },
  });
}
