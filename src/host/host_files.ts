import type { FilesPort } from '../service/ports.ts';
import { type ListedPage, type ListRequest, listFolder } from '../tree/listing/folder_page.ts';
import { placeOf } from '../tree/listing/path_place.ts';
import type { World } from '../world/world.ts';

/** The files of the host, as people choose them. */
export class HostFiles implements FilesPort {
  readonly #world: Pick<World, 'disk' | 'process'>;

  constructor(world: Pick<World, 'disk' | 'process'>) {
    this.#world = world;
  }

  get home(): string {
    return this.#world.process.info.homeDirectory;
  }

  placeOf(path: string) {
    return placeOf(this.#world, path);
  }

  list(path: string, request: ListRequest): Promise<ListedPage> {
    return listFolder(this.#world, path, request);
  }
}
