import { asCausewayError } from '../../base/errors.ts';
import type { HttpReply, HttpRequest } from '../../world/http.ts';
import { copy, move, remove } from './change.ts';
import { answer, callOf, type DavCall, type DavShare, destinationOf } from './context.ts';
import { asDavFailure, DavFailure } from './failure.ts';
import { get } from './get.ts';
import { lock, unlock } from './lock.ts';
import { XML_TYPE } from './multistatus.ts';
import { propfind } from './propfind.ts';
import { proppatch } from './proppatch.ts';
import { makeFolder, put } from './put.ts';
import { type ChangeName, type FileChange, recorded } from './records.ts';
import { davTag } from './xml_text.ts';

type Method = (call: DavCall) => Promise<void>;

const METHODS: Readonly<Record<string, Method>> = {
  OPTIONS: (call) => options(call.reply),
  GET: get,
  HEAD: get,
  PUT: put,
  DELETE: remove,
  MKCOL: makeFolder,
  COPY: copy,
  MOVE: move,
  PROPFIND: propfind,
  PROPPATCH: proppatch,
  LOCK: lock,
  UNLOCK: unlock,
};

/** Methods that change files: none of them begins before it is recorded. LOCK records the file that it makes itself. */
const CHANGES: Readonly<Record<string, ChangeName>> = {
  PUT: 'file.write',
  DELETE: 'file.delete',
  MKCOL: 'file.create',
  COPY: 'file.copy',
  MOVE: 'file.rename',
  PROPPATCH: 'file.property',
};

/** `MS-Author-Via`: without it Windows opens Office files read-only. */
const DAV_HEADERS = {
  dav: '1, 2, 3',
  'ms-author-via': 'DAV',
  allow: Object.keys(METHODS).join(', '),
} as const;

/** What the server can do; says nothing of what it has. */
export function options(reply: HttpReply): Promise<void> {
  return answer(reply, 200, DAV_HEADERS);
}

/**
 * Answers a request to a share by WebDAV, classes 1, 2 and 3 (RFC 4918). What the client may be told of a failure is told
 * to it; the failure itself goes to `note`, for the log of this machine.
 */
export async function serveDav(
  share: DavShare,
  {
    request,
    reply,
    user,
  }: { readonly request: HttpRequest; readonly reply: HttpReply; readonly user: string },
  note: (failure: unknown) => void,
): Promise<void> {
  try {
    const method = Object.hasOwn(METHODS, request.method) ? METHODS[request.method] : undefined;
    if (method === undefined)
      throw new DavFailure(405, 'there is no such method', { headers: { allow: DAV_HEADERS.allow } });
    const call = await callOf(share, request, reply, user);
    const action = CHANGES[request.method];
    if (action === undefined) await method(call);
    else await recorded(call, await changeOf(call, action), method);
  } catch (thrown) {
    const failure = asDavFailure(thrown);
    // a client that went away is no failure of this machine
    if (failure.status >= 500 && asCausewayError(thrown).code !== 'CW_LINK_CLOSED') note(thrown);
    if (reply.isBegun) return reply.cut();
    await sendFailure(reply, failure);
  }
}

async function changeOf(call: DavCall, action: ChangeName): Promise<FileChange> {
  const { path } = call.place;
  const hasDestination = action === 'file.copy' || action === 'file.rename';
  return { action, path, ...(hasDestination && { to: await destinationOf(call) }) };
}

export async function sendFailure(
  reply: HttpReply,
  { status, message, condition, headers }: DavFailure,
): Promise<void> {
  if (status === 304) {
    reply.begin(status, headers);
    return reply.end();
  }
  const text =
    condition === null
      ? `${message}\n`
      : `<?xml version="1.0" encoding="utf-8"?>\n<D:error xmlns:D="DAV:">${davTag(condition)}</D:error>\n`;
  const body = Buffer.from(text);
  const type = condition === null ? 'text/plain; charset=utf-8' : XML_TYPE;
  reply.begin(status, { 'content-type': type, 'content-length': String(body.byteLength), ...headers });
  await reply.end(body);
}
