import { LIMITS } from '../base/limits.ts';
import type { PathPlace } from '../base/path_place.ts';
import type { RpcHandler } from '../link/rpc.ts';
import { type ListedFile, listFolder } from '../tree/listing/folder_page.ts';
import { placeOf } from '../tree/listing/path_place.ts';
import { encodeCbor } from '../wire/cbor.ts';
import {
  entryMap,
  type FolderEntry,
  type FolderPage,
  type FolderRequest,
  folderResult,
  placesResult,
  readFolderParams,
  readPlacesParams,
} from '../wire/folder_messages.ts';
import type { Disk } from '../world/disk.ts';
import type { World } from '../world/world.ts';

type DiskOf = Pick<World, 'disk'>;

/** Answers a host that shows people the folders of this machine. */
export function folderMethod(world: DiskOf): RpcHandler {
  return async (params) => folderResult(await pageOf(world, readFolderParams(params)));
}

/** Answers a host that decides whether somebody may copy what paths of this machine lead to. */
export function placesMethod(world: DiskOf): RpcHandler {
  return async (params) => {
    const places: PathPlace[] = [];
    let sizeBytes = 0;
    const once = lookingOnce(world);
    for (const path of readPlacesParams(params)) {
      const place = await placeOf(once, path);
      sizeBytes += encodeCbor(placesResult([place])).byteLength;
      if (places.length > 0 && sizeBytes > LIMITS.folderPageMaxBytes.value) break;
      places.push(place);
    }
    return placesResult(places);
  };
}

/** Paths that are asked about together have most of their folders in common. */
function lookingOnce({ disk }: DiskOf): DiskOf {
  const seen = new Map<string, ReturnType<Disk['statPath']>>();
  const statPath: Disk['statPath'] = (path) => {
    const stat = seen.get(path) ?? disk.statPath(path);
    seen.set(path, stat);
    return stat;
  };
  return { disk: { openRoot: (path) => disk.openRoot(path), statPath } };
}

/** A page, shorter where its answer would become long. CW_DISK_*. */
async function pageOf(world: DiskOf, request: FolderRequest): Promise<FolderPage> {
  const { path, hidden, limit, after, places } = request;
  const place = await placeOf(world, path);
  const links = new Map<string, PathPlace>();
  let sizeBytes = 0;
  const fits = async (file: ListedFile): Promise<boolean> => {
    if (places && file.isLink) links.set(file.name, await placeOf(world, file.path));
    sizeBytes += encodeCbor(entryMap(entryOf(file, links))).byteLength;
    return sizeBytes <= LIMITS.folderPageMaxBytes.value;
  };
  const chain = place.chain.slice(0, 1);
  const page = await listFolder(world, path, { hidden, limit, after, chain, fits });
  const entries = page.entries.map((file) => entryOf(file, links));
  return { place, entries, next: page.next, isCut: page.isCut };
}

function entryOf({ path: _, ...shown }: ListedFile, links: ReadonlyMap<string, PathPlace>): FolderEntry {
  const place = links.get(shown.name);
  return { ...shown, ...(place && { place }) };
}
