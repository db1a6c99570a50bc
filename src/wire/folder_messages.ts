import { CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { PathPlace } from '../base/path_place.ts';
import type { CborMap, CborValue } from './cbor.ts';
import { boolean, i64, list, map, mapList, mapOf, nullable, oneOf, optional, text, uint } from './fields.ts';

/** What a host asks a machine for: a page of one of its folders. */
export interface FolderRequest {
  /** Absolute, without `.`, `..` and empty components. */
  readonly path: string;
  /** Names that begin with a dot too. */
  readonly hidden: boolean;
  /** Also where each symbolic link leads. */
  readonly places: boolean;
  readonly limit: number;
  /** `next` of the page before; null for the first page. */
  readonly after: string | null;
}

export interface FolderEntry {
  readonly name: string;
  /** Of a symbolic link what it leads to. */
  readonly kind: 'folder' | 'file' | 'other';
  readonly isLink: boolean;
  /** Null of all but files. */
  readonly sizeBytes: number | null;
  /** ms since 1970 UTC. */
  readonly mtimeMs: number | null;
  /** Of a link where that was asked for. */
  readonly place?: PathPlace;
}

/** The answer: by what the path really is, the host decides who may see it. */
export interface FolderPage {
  readonly place: PathPlace;
  readonly entries: readonly FolderEntry[];
  readonly next: string | null;
  /** The folder holds more than is looked at. */
  readonly isCut: boolean;
}

/** A cursor is a name with one more letter. */
const CURSOR_MAX_BYTES = LIMITS.nameMaxBytes.value + 1;
const FILE_ID_MAX_BYTES = 64;
/** A component has a letter and a slash at least. */
const COMPONENTS_MAX = LIMITS.pathMaxBytes.value / 2 + 2;

/** A host asks where paths lead. */
export function placesParams(paths: readonly string[]): CborMap {
  return { paths: [...paths] };
}

/** CW_WIRE_MALFORMED, CW_DISK_NAME. */
export function readPlacesParams(params: CborMap): string[] {
  return list(params, 'paths', LIMITS.placesMax.value, (item, what) =>
    plainPath(text(mapOf({ [what]: item }, what), what, LIMITS.pathMaxBytes.value)),
  );
}

/** Of the first of the paths, as many as fit. */
export function placesResult(places: readonly PathPlace[]): CborMap {
  return { places: places.map(placeMap) };
}

/** CW_WIRE_MALFORMED. */
export function readPlacesResult(result: CborMap): PathPlace[] {
  return mapList(result, 'places', LIMITS.placesMax.value, readPlace);
}

export function folderParams(request: FolderRequest): CborMap {
  return { ...request };
}

/** CW_WIRE_MALFORMED, CW_DISK_NAME for a path that does not say what it names. */
export function readFolderParams(params: CborMap): FolderRequest {
  const path = plainPath(text(params, 'path', LIMITS.pathMaxBytes.value));
  return {
    path,
    hidden: boolean(params, 'hidden'),
    places: boolean(params, 'places'),
    limit: Math.max(1, uint(params, 'limit', LIMITS.folderPageMax.value)),
    after: nullable(params, 'after', (m, name) => text(m, name, CURSOR_MAX_BYTES)),
  };
}

export function folderResult({ place, entries, next, isCut }: FolderPage): CborMap {
  return { place: placeMap(place), entries: entries.map(entryMap), next, isCut };
}

export function entryMap({ place, ...entry }: FolderEntry): CborMap {
  return { ...entry, ...(place && { place: placeMap(place) }) };
}

/** CW_WIRE_MALFORMED. */
export function readFolderResult(result: CborMap): FolderPage {
  return {
    place: readPlace(map(result, 'place')),
    entries: mapList(result, 'entries', LIMITS.folderPageMax.value, readEntry),
    next: nullable(result, 'next', (m, name) => text(m, name, CURSOR_MAX_BYTES)),
    isCut: boolean(result, 'isCut'),
  };
}

function plainPath(path: string): string {
  const parts = path === '/' ? [] : path.split('/').slice(1);
  const isPlain = path.startsWith('/') && !path.includes('\0');
  if (isPlain && parts.every((part) => part !== '' && part !== '.' && part !== '..')) return path;
  throw new CausewayError('CW_DISK_NAME', `${JSON.stringify(path.slice(0, 200))} is no plain absolute path`);
}

function readEntry(entry: CborMap): FolderEntry {
  const name = text(entry, 'name', LIMITS.nameMaxBytes.value);
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    throw new CausewayError('CW_WIRE_MALFORMED', 'an entry has no proper name');
  const place = optional(entry, 'place', (m, member) => readPlace(map(m, member)));
  return {
    name,
    kind: oneOf(entry, 'kind', ['folder', 'file', 'other']),
    isLink: boolean(entry, 'isLink'),
    sizeBytes: nullable(entry, 'sizeBytes', (m, member) => uint(m, member)),
    mtimeMs: nullable(entry, 'mtimeMs', (m, member) => Number(i64(m, member))),
    ...(place && { place }),
  };
}

function placeMap({ prefixes, chain }: PathPlace): CborMap {
  return { prefixes: [...prefixes], chain: [...chain] };
}

function readPlace(place: CborMap): PathPlace {
  return {
    prefixes: list(place, 'prefixes', COMPONENTS_MAX, (item, what) =>
      item === null ? null : fileIdOf(item, what),
    ),
    chain: list(place, 'chain', COMPONENTS_MAX, fileIdOf),
  };
}

function fileIdOf(item: CborValue, what: string): string {
  return text(mapOf({ [what]: item }, what), what, FILE_ID_MAX_BYTES);
}
