import { CausewayError } from '../base/errors.ts';
import { HASH_BYTES } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from './cbor.ts';
import {
  type BaseMessage,
  COMPRESS_LEVEL_MAX,
  COPY_PHASES,
  type CompressedFigures,
  type CopyOpening,
  type CopyOptions,
  type HaveChunk,
  type IdMapping,
  type LaneOpening,
  type OnClash,
  type OwnerMode,
  type PlanEntry,
  type PlanKind,
  type Problem,
  type ProgressMessage,
  type RootInfo,
  type SharedMessage,
  type SinkMessage,
  type SourceMessage,
  type StageFigure,
  TRAFFIC_CLASSES,
  type UndoFigures,
  type Xattr,
} from './copy_types.ts';
import { DIRECT_MODES, directFigures, directProof } from './direct_fields.ts';
import { decodeEvidence } from './evidence.ts';
import {
  boolean,
  bytes,
  bytesUpTo,
  i64,
  list,
  map,
  mapList,
  mapOf,
  nullable,
  oneOf,
  optional,
  text,
  u32,
  uint,
  uintOr,
} from './fields.ts';
import { checkPlanColumns, type PlanColumns, type PlanMore, PlanPage, planColumns } from './plan_page.ts';
import { STAGES } from './stages.ts';
import { UNDO_ID_BYTES } from './undo_record.ts';

/*
 * The control messages of a copy: one CBOR map each, its member `t` says which. Bulk bytes do not travel here but on
 * lane streams (lane_message.ts).
 */

export const TRANSFER_ID_BYTES = 16;
const KINDS: readonly PlanKind[] = ['file', 'directory', 'symlink', 'hardLink'];
const OWNER_MODES: readonly OwnerMode[] = ['auto', 'keep', 'none'];
const ON_CLASH: readonly OnClash[] = ['fail', 'rename', 'skip'];
const TEXT_MAX = LIMITS.pathMaxBytes.value;
const PAGE_MAX = LIMITS.manifestPageEntries.value;

export function encodeCopyOpening(opening: CopyOpening): Uint8Array {
  const { limitBytesPerSecond: limit, undo, compress, ...options } = opening.options;
  return encodeCbor({
    ...opening,
    options: {
      ...options,
      limitBytesPerSecond: limit ?? 0,
      ...(undo && { undo: { ...undo } }),
      ...(compress && { compress: { ...compress } }),
    },
  } as unknown as CborValue);
}

/** Throws CW_WIRE_* for anything that is not an opening within the limits. */
export function decodeCopyOpening(input: Uint8Array): CopyOpening {
  const m = mapOf(decodeCbor(input), 'copy opening');
  const options = mapOf(m['options'], 'options');
  const chunkBytes = uint(options, 'chunkBytes', LIMITS.chunkMaxBytes.value);
  if (chunkBytes < LIMITS.chunkMinBytes.value)
    throw new CausewayError('CW_WIRE_MALFORMED', `chunks of ${chunkBytes} bytes are too small`);
  const lanes = uint(options, 'lanes', LIMITS.lanesMax.value);
  const limit = uint(options, 'limitBytesPerSecond');
  if (lanes < 1) throw new CausewayError('CW_WIRE_MALFORMED', 'a copy needs a lane');
  return {
    transferId: bytes(m, 'transferId', TRANSFER_ID_BYTES),
    role: oneOf(m, 'role', ['source', 'sink']),
    sources: list(m, 'sources', LIMITS.sourcesMax.value, textItem),
    destination: text(m, 'destination', TEXT_MAX),
    options: {
      chunkBytes,
      lanes,
      ignoreTimes: boolean(options, 'ignoreTimes'),
      wholeFile: boolean(options, 'wholeFile'),
      ...(options['linkDest'] !== undefined && { linkDest: text(options, 'linkDest', TEXT_MAX) }),
      ...(options['checksum'] !== undefined && { checksum: boolean(options, 'checksum') }),
      limitBytesPerSecond: limit === 0 ? null : limit,
      ...(options['owner'] !== undefined && { owner: oneOf(options, 'owner', OWNER_MODES) }),
      ...(options['idMappings'] !== undefined && {
        idMappings: mapList(options, 'idMappings', LIMITS.idMappingsMax.value, idMapping),
      }),
      ...(options['weight'] !== undefined && { weight: weight(options) }),
      ...(options['trafficClass'] !== undefined && {
        trafficClass: oneOf(options, 'trafficClass', TRAFFIC_CLASSES),
      }),
      ...(options['paced'] !== undefined && { paced: boolean(options, 'paced') }),
      ...(options['onClash'] !== undefined && { onClash: oneOf(options, 'onClash', ON_CLASH) }),
      ...(options['exclude'] !== undefined && {
        exclude: list(options, 'exclude', LIMITS.excludePatternsMax.value, patternItem),
      }),
      ...(options['mirror'] !== undefined && { mirror: boolean(options, 'mirror') }),
      ...(options['direct'] !== undefined && { direct: oneOf(options, 'direct', DIRECT_MODES) }),
      ...undoOptions(options),
      ...compressOptions(options),
    },
    checkArrival: optional(m, 'checkArrival', boolean) ?? false,
  };
}

function patternItem(item: CborValue, what: string): string {
  const pattern = textItem(item, what);
  if (Buffer.byteLength(pattern) > LIMITS.excludePatternMaxBytes.value)
    throw new CausewayError('CW_WIRE_TOO_LARGE', `a pattern of ${Buffer.byteLength(pattern)} bytes`);
  return pattern;
}

function undoOptions(options: CborMap): Pick<CopyOptions, 'undo'> {
  const undo = optional(options, 'undo', map);
  if (undo === undefined) return {};
  return { undo: { id: bytes(undo, 'id', UNDO_ID_BYTES), required: boolean(undo, 'required') } };
}

function compressOptions(options: CborMap): Pick<CopyOptions, 'compress'> {
  const compress = optional(options, 'compress', map);
  if (compress === undefined) return {};
  const level = uint(compress, 'level', COMPRESS_LEVEL_MAX);
  return { compress: { level, largePacks: boolean(compress, 'largePacks') } };
}

export function encodeLaneOpening(opening: LaneOpening): Uint8Array {
  const { transferId, lane, direct } = opening;
  return encodeCbor({ transferId, lane, direct: direct === true ? true : undefined });
}

export function decodeLaneOpening(input: Uint8Array): LaneOpening {
  const m = mapOf(decodeCbor(input), 'lane opening');
  return {
    transferId: bytes(m, 'transferId', TRANSFER_ID_BYTES),
    lane: uint(m, 'lane', LIMITS.lanesMax.value),
    ...(optional(m, 'direct', boolean) === true && { direct: true }),
  };
}

export function encodeCopyMessage(message: SourceMessage | SinkMessage): Uint8Array {
  return encodeCbor(message as unknown as CborValue);
}

/** A message that a source sent. Throws CW_WIRE_*. */
export function decodeSourceMessage(input: Uint8Array): SourceMessage {
  const m = mapOf(decodeCbor(input), 'copy message');
  const t = oneOf(m, 't', [
    'sources',
    'plan',
    'planEnd',
    'fileEnd',
    'askBase',
    'sums',
    'fileChanged',
    'fileFailed',
    'progress',
    'failed',
    'stop',
  ]);
  switch (t) {
    case 'sources':
      return { t, roots: mapList(m, 'roots', LIMITS.sourcesMax.value, rootInfo), ...directProof(m) };
    case 'plan':
      return { t, ...planPage(m) };
    case 'planEnd':
      return {
        t,
        entries: uint(m, 'entries', LIMITS.manifestEntriesMax.value),
        bytes: uint(m, 'bytes'),
        problems: problems(m),
      };
    case 'fileEnd':
      return { t, file: u32(m, 'file'), root: bytes(m, 'root', HASH_BYTES) };
    case 'askBase':
      return {
        t,
        file: u32(m, 'file'),
        chunking: text(m, 'chunking', LIMITS.nameMaxBytes.value),
        ...(m['chunks'] !== undefined && { chunks: boolean(m, 'chunks') }),
        ...(m['from'] !== undefined && { from: uint(m, 'from') }),
      };
    case 'sums':
      return { t, ...sums(m), last: boolean(m, 'last') };
    case 'fileChanged':
      return {
        t,
        file: u32(m, 'file'),
        version: uint(m, 'version', 0xffff),
        entry: planEntry(mapOf(m['entry'], 'entry')),
      };
    case 'fileFailed':
      return { t, file: u32(m, 'file'), code: text(m, 'code', TEXT_MAX), message: text(m, 'message') };
    default:
      return sharedMessage(m, t);
  }
}

function sums(m: CborMap): { readonly files: readonly number[]; readonly hashes: Uint8Array } {
  const files = list(m, 'files', LIMITS.packFilesMax.value, fileItem);
  return { files, hashes: bytes(m, 'hashes', files.length * HASH_BYTES) };
}

/** An encoded message `plan` of these entries. */
export function encodePlan(entries: readonly PlanEntry[]): Uint8Array {
  return encodeCopyMessage({ t: 'plan', ...planColumns(entries) });
}

/** What an encoded message `plan` holds. Throws CW_WIRE_*. */
export function decodePlanPage(input: Uint8Array): PlanPage {
  const message = decodeSourceMessage(input);
  if (message.t !== 'plan') throw new CausewayError('CW_WIRE_MALFORMED', `${message.t} is no page of a plan`);
  return new PlanPage(message);
}

/** The same for a message that was checked when it came, or was made here. */
export function checkedPlanPage(input: Uint8Array): PlanPage {
  return new PlanPage(pageColumns(mapOf(decodeCbor(input), 'copy message')));
}

/** A message that a sink sent. Throws CW_WIRE_*. */
export function decodeSinkMessage(input: Uint8Array): SinkMessage {
  const m = mapOf(decodeCbor(input), 'copy message');
  const t = oneOf(m, 't', [
    'ready',
    'have',
    'skip',
    'offer',
    'take',
    'giveBack',
    'compare',
    'base',
    'grant',
    'reject',
    'restarted',
    'published',
    'problem',
    'complete',
    'progress',
    'failed',
    'stop',
  ]);
  switch (t) {
    case 'ready':
      return {
        t,
        freeBytes: uint(m, 'freeBytes'),
        recoveredBytes: uint(m, 'recoveredBytes'),
        notes: list(m, 'notes', LIMITS.notesMax.value, noteItem),
        ...(m['codings'] !== undefined && {
          codings: list(m, 'codings', LIMITS.codingsMax.value, codingItem),
        }),
        ...(m['direct'] !== undefined && { direct: boolean(m, 'direct') }),
      };
    case 'have':
      return { t, file: u32(m, 'file'), chunks: mapList(m, 'chunks', LIMITS.haveChunksMax.value, haveChunk) };
    case 'base':
      return base(m);
    case 'grant':
      return { t, bytes: uint(m, 'bytes', LIMITS.grantMaxBytes.value) };
    case 'giveBack':
      return { t, file: u32(m, 'file') };
    case 'skip':
    case 'take':
    case 'offer':
    case 'compare':
      return { t, first: u32(m, 'first'), bits: bytesUpTo(m, 'bits', LIMITS.skipBitsMaxBytes.value) };
    case 'published':
      return { t, files: list(m, 'files', LIMITS.manifestPageEntries.value, fileItem) };
    case 'reject':
      return { t, file: u32(m, 'file'), index: u32(m, 'index'), stage: oneOf(m, 'stage', STAGES) };
    case 'restarted':
      return { t, file: u32(m, 'file'), version: uint(m, 'version', 0xffff) };
    case 'problem':
      return { t, file: u32(m, 'file'), problem: problem(mapOf(m['problem'], 'problem')) };
    case 'complete':
      return {
        t,
        problems: problems(m),
        ...(m['notes'] !== undefined && { notes: list(m, 'notes', LIMITS.notesMax.value, noteItem) }),
      };
    default:
      return sharedMessage(m, t);
  }
}

function base(m: CborMap): BaseMessage {
  const most = LIMITS.basePagePieces.value;
  return {
    t: 'base',
    file: u32(m, 'file'),
    lengths: bytesUpTo(m, 'lengths', most * 4),
    hashes: bytesUpTo(m, 'hashes', most * 8),
    ...(m['chunks'] !== undefined && { chunks: bytesUpTo(m, 'chunks', most * 8) }),
    last: boolean(m, 'last'),
  };
}

function sharedMessage(m: CborMap, t: SharedMessage['t']): SharedMessage {
  if (t === 'progress') return progress(m);
  if (t === 'failed') return { t, code: text(m, 'code', TEXT_MAX), message: text(m, 'message') };
  return { t, keep: boolean(m, 'keep') };
}

function progress(m: CborMap): ProgressMessage {
  return {
    t: 'progress',
    sentBytes: uint(m, 'sentBytes'),
    receivedBytes: uint(m, 'receivedBytes'),
    settledBytes: uint(m, 'settledBytes'),
    durableBytes: uint(m, 'durableBytes'),
    doneEntries: uint(m, 'doneEntries'),
    phase: oneOf(m, 'phase', COPY_PHASES),
    stages: mapList(m, 'stages', STAGES.length, stageFigure),
    quietMs: m['quietMs'] === undefined ? null : uint(m, 'quietMs'),
    atMs: m['atMs'] === undefined ? null : uint(m, 'atMs'),
    evidence: isAbsent(m['evidence']) ? null : decodeEvidence(map(m, 'evidence')),
    ...(m['recoveredBytes'] !== undefined && { recoveredBytes: uint(m, 'recoveredBytes') }),
    ...undoFigures(m),
    ...directFigures(m),
    ...compressedFigures(m),
  };
}

function compressedFigures(m: CborMap): { compressed?: CompressedFigures } {
  const compressed = optional(m, 'compressed', map);
  if (compressed === undefined) return {};
  return {
    compressed: {
      level: uint(compressed, 'level', COMPRESS_LEVEL_MAX),
      beforeBytes: uint(compressed, 'beforeBytes'),
      afterBytes: uint(compressed, 'afterBytes'),
      skippedBytes: uint(compressed, 'skippedBytes'),
    },
  };
}

function undoFigures(m: CborMap): { undoHeld?: UndoFigures } {
  const undo = optional(m, 'undoHeld', map);
  if (undo === undefined) return {};
  return {
    undoHeld: {
      kept: uint(undo, 'kept'),
      bytes: uint(undo, 'bytes'),
      made: uint(undo, 'made'),
      changed: uint(undo, 'changed'),
      missing: uint(undo, 'missing'),
      missingFrom: nullable(undo, 'missingFrom', text),
      untilMs: uint(undo, 'untilMs'),
    },
  };
}

function isAbsent(value: CborValue | undefined): boolean {
  return value === undefined || value === null;
}

function stageFigure(m: CborMap): StageFigure {
  return {
    stage: oneOf(m, 'stage', STAGES),
    bytes: uint(m, 'bytes'),
    busyMs: uint(m, 'busyMs'),
    activeMs: uint(m, 'activeMs'),
    starvedMs: uintOr(m, 'starvedMs', 0),
    blockedMs: uintOr(m, 'blockedMs', 0),
  };
}

function weight(m: CborMap): number {
  const value = uint(m, 'weight', LIMITS.weightMax.value);
  if (value < 1) throw new CausewayError('CW_WIRE_MALFORMED', 'a copy without weight would never go on');
  return value;
}

function idMapping(m: CborMap): IdMapping {
  return {
    kind: oneOf(m, 'kind', ['user', 'group']),
    from: nullable(m, 'from', u32),
    to: u32(m, 'to'),
  };
}

function planPage(m: CborMap): PlanColumns {
  const page = pageColumns(m);
  checkPlanColumns(page);
  return page;
}

function pageColumns(m: CborMap): PlanColumns {
  return {
    folders: list(m, 'folders', PAGE_MAX, textItem),
    names: bytes(m, 'names'),
    rows: bytes(m, 'rows'),
    more: mapList(m, 'more', PAGE_MAX, planMore),
  };
}

function planMore(m: CborMap): PlanMore {
  return {
    at: uint(m, 'at', PAGE_MAX),
    ...(m['linkTarget'] !== undefined && { linkTarget: text(m, 'linkTarget', TEXT_MAX) }),
    ...(m['first'] !== undefined && { first: u32(m, 'first') }),
    ...(m['xattrs'] !== undefined && {
      xattrs: mapList(m, 'xattrs', LIMITS.xattrsPerEntryMax.value, xattr),
    }),
    ...(m['dataBytes'] !== undefined && { dataBytes: uint(m, 'dataBytes') }),
    ...(m['inode'] !== undefined && { inode: text(m, 'inode', LIMITS.nameMaxBytes.value) }),
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function planEntry(m: CborMap): PlanEntry {
  const entry: Writable<PlanEntry> = {
    path: text(m, 'path', TEXT_MAX),
    kind: oneOf(m, 'kind', KINDS),
    sizeBytes: uint(m, 'sizeBytes'),
    mode: uint(m, 'mode', 0o7777),
    mtimeNs: i64(m, 'mtimeNs'),
    ctimeNs: i64(m, 'ctimeNs'),
    inode: text(m, 'inode', LIMITS.nameMaxBytes.value),
    linkTarget: text(m, 'linkTarget', TEXT_MAX),
  };
  if (m['first'] !== undefined) entry.first = u32(m, 'first');
  if (m['userId'] !== undefined) entry.userId = u32(m, 'userId');
  if (m['groupId'] !== undefined) entry.groupId = u32(m, 'groupId');
  if (m['xattrs'] !== undefined) entry.xattrs = mapList(m, 'xattrs', LIMITS.xattrsPerEntryMax.value, xattr);
  if (m['dataBytes'] !== undefined) entry.dataBytes = uint(m, 'dataBytes', entry.sizeBytes);
  if (entry.kind === 'hardLink' && entry.first === undefined)
    throw new CausewayError('CW_WIRE_MALFORMED', 'a hard link does not say of what');
  return entry;
}

function xattr(m: CborMap): Xattr {
  return { name: text(m, 'name', LIMITS.nameMaxBytes.value), value: bytes(m, 'value') };
}

function rootInfo(m: CborMap): RootInfo {
  return {
    name: text(m, 'name', LIMITS.nameMaxBytes.value),
    kind: oneOf(m, 'kind', KINDS),
    contents: boolean(m, 'contents'),
  };
}

function haveChunk(m: CborMap): HaveChunk {
  return { i: u32(m, 'i'), h: bytes(m, 'h', HASH_BYTES) };
}

function problems(m: CborMap): Problem[] {
  return mapList(m, 'problems', LIMITS.problemsListMax.value, problem);
}

function problem(m: CborMap): Problem {
  return { path: text(m, 'path'), code: text(m, 'code', TEXT_MAX), message: text(m, 'message') };
}

function textItem(item: CborValue, what: string): string {
  if (typeof item !== 'string' || Buffer.byteLength(item) > TEXT_MAX)
    throw new CausewayError('CW_WIRE_MALFORMED', `${what} is no path`);
  return item;
}

function noteItem(item: CborValue, what: string): string {
  if (typeof item !== 'string' || Buffer.byteLength(item) > TEXT_MAX)
    throw new CausewayError('CW_WIRE_MALFORMED', `${what} is no note`);
  return item;
}

function codingItem(item: CborValue, what: string): string {
  if (typeof item !== 'string' || Buffer.byteLength(item) > LIMITS.nameMaxBytes.value)
    throw new CausewayError('CW_WIRE_MALFORMED', `${what} is no name`);
  return item;
}

function fileItem(item: CborValue, what: string): number {
  if (typeof item !== 'number' || !Number.isInteger(item) || item < 0 || item > 0xffff_ffff) {
    throw new CausewayError('CW_WIRE_MALFORMED', `${what} is no file number`);
  }
  return item;
}
