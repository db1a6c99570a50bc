import { splitRel } from '../../base/path.ts';
import type { TreeFile, TreeNode } from '../../tree/files/file_tree.ts';
import type { FilePart } from '../../world/cached_entries.ts';
import { PieceWriter } from './body.ts';
import { checkConditions, checkIf } from './conditions.ts';
import { contentTypeOf } from './content_types.ts';
import type { DavCall } from './context.ts';
import { etagOf } from './etag.ts';
import { DavFailure } from './failure.ts';
import { httpDate, parseHttpDate } from './http_date.ts';
import { hrefIn, hrefOf } from './paths.ts';
import { isServed } from './propfind.ts';
import { sendBody } from './send_body.ts';
import { escapeXml } from './xml_text.ts';

/** What somebody stored must not act in a browser as a page of this server. */
const SAFE_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
} as const;

/** GET and HEAD: a file or a range of it, and a plain list of a folder for browsers. */
export async function get(call: DavCall): Promise<void> {
  const { share, place } = call;
  await checkIf(call);
  if (!place.isFolder && (await sendCached(call))) return;
  const node = await share.tree.lookup(place.path);
  if (node.kind === 'directory') return listFolder(call);
  if (place.isFolder || !isServed(node)) throw new DavFailure(404, 'nothing is there');
  await using file = await share.tree.open(place.path, 'read');
  const opened = await file.node(); // the name may have gone to another file since
  checkConditions(call, opened);
  if (call.request.method !== 'HEAD') await share.records.read(place.path);
  await sendFile(call, file, opened);
}

/** Answers with a small part of a file that is in memory, in one step; false where it is to be opened. */
async function sendCached(call: DavCall): Promise<boolean> {
  const { share, place, request, reply } = call;
  const { cachedFile } = share.tree.caps;
  const found = await cachedFile?.(place.path, (node) => {
    if (!isServed(node)) throw new DavFailure(404, 'nothing is there');
    checkConditions(call, node);
    return request.method === 'HEAD' ? null : partOf(call, node).part;
  });
  if (!found) return false;
  if (found.bytes !== null) await share.records.read(place.path);
  begin(call, found.node, partOf(call, found.node));
  await reply.end(found.bytes ?? undefined);
  return true;
}

/** What of a file is the body of an answer. */
interface SentPart {
  readonly etag: string;
  readonly part: FilePart;
  readonly isWhole: boolean;
}

function partOf({ request }: DavCall, node: TreeNode): SentPart {
  const etag = etagOf(node);
  const range = rangeOf(request.header('range'), request.header('if-range'), node, etag);
  return { etag, part: range ?? { start: 0, end: node.sizeBytes }, isWhole: range === null };
}

function begin({ reply, place }: DavCall, node: TreeNode, { etag, part, isWhole }: SentPart): void {
  const { start, end } = part;
  reply.begin(isWhole ? 200 : 206, {
    'content-length': String(end - start),
    'content-type': contentTypeOf(splitRel(place.path).name),
    'last-modified': httpDate(node.mtimeNs),
    'accept-ranges': 'bytes',
    etag,
    ...(isWhole ? {} : { 'content-range': `bytes ${start}-${end - 1}/${node.sizeBytes}` }),
    ...SAFE_HEADERS,
  });
}

async function sendFile(call: DavCall, file: TreeFile, node: TreeNode): Promise<void> {
  const { share, request, reply } = call;
  const sent = partOf(call, node);
  begin(call, node, sent);
  if (request.method !== 'HEAD' && !(await sendBody(reply, file, sent.part, share.clock))) return reply.cut();
  await reply.end();
}

/** One range (RFC 9110 section 14.2); null for the whole, also where several are asked for. 416 outside the file. */
function rangeOf(
  header: string | null,
  ifRange: string | null,
  node: TreeNode,
  etag: string,
): FilePart | null {
  if (header === null) return null;
  if (ifRange !== null && !isSame(ifRange, node, etag)) return null;
  const [, first = '', last = ''] = /^bytes=\s*(\d{0,15})-(\d{0,15})\s*$/.exec(header.trim()) ?? [];
  if (first === '' && last === '') return null;
  const { sizeBytes } = node;
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  if (first !== '' && last !== '' && Number(last) < Number(first)) return null;
  if (start >= sizeBytes || (first === '' && Number(last) === 0))
    throw new DavFailure(416, 'the file has no such bytes', {
      headers: { 'content-range': `bytes */${sizeBytes}` },
    });
  return { start, end };
}

function isSame(ifRange: string, { mtimeNs }: TreeNode, etag: string): boolean {
  const text = ifRange.trim();
  return text.startsWith('"') ? text === etag : parseHttpDate(text) === Number(mtimeNs / 1_000_000_000n);
}

async function listFolder({ share, place, request, reply }: DavCall): Promise<void> {
  reply.begin(200, { 'content-type': 'text/html; charset=utf-8', ...SAFE_HEADERS });
  if (request.method !== 'HEAD') {
    const out = new PieceWriter((bytes) => reply.write(bytes));
    const title = escapeXml(`${share.prefix}/${place.urlPath}`);
    out.add(`<!doctype html><meta charset="utf-8"><title>${title}</title><h1>${title}</h1><ul>\n`);
    const base = hrefOf(share.prefix, place.urlPath, true);
    for await (const page of share.links.list(place.path)) {
      for (const { name, node } of page.filter((entry) => isServed(entry.node))) {
        const isFolder = node.kind === 'directory';
        const href = escapeXml(hrefIn(base, name, isFolder));
        out.add(`<li><a href="${href}">${escapeXml(name)}${isFolder ? '/' : ''}</a></li>\n`);
      }
      await out.flush();
    }
    out.add('</ul>\n');
    await out.flush();
  }
  await reply.end();
}
