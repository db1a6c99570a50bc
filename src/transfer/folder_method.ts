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
  readFolderParams,
} from '../wire/folder_messages.ts';
import type { World } from '../world/world.ts';

type DiskOf = Pick<World, 'disk'>;

/** Answers a host that shows people the folders of this machine. */
export function folderMethod(world: DiskOf): RpcHandler {
  return async (params) => folderResult(await pageOf(world, readFolderParams(params)));
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
