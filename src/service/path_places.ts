import { plainPath } from '../access/rights/path_prefix.ts';
import type { Principal } from '../access/rights/principal.ts';
import type { Resource } from '../access/rights/scope.ts';
import type { PathPlace } from '../base/path_place.ts';
import type { ServiceParts } from './ports.ts';

/** The resource with where its path leads at this moment, for paths of this host. */
export async function withPlace<R extends Resource>(
  { files }: Pick<ServiceParts, 'files'>,
  resource: R,
): Promise<R> {
  if (resource.kind !== 'path' || resource.vm !== null || !resource.path.startsWith('/')) return resource;
  return { ...resource, place: await files.placeOf(resource.path) };
}

/**
 * Each with where its path leads, on the host and on machines that can be asked: what is on those that are away, or whose
 * agents are too old, is decided on by the path alone. One after the other, since a request may name many.
 */
export async function withPlaces(
  parts: Pick<ServiceParts, 'files' | 'vmFiles'>,
  resources: readonly Resource[],
): Promise<Resource[]> {
  const there = await placesOnMachines(parts, resources);
  const placed: Resource[] = [];
  for (const resource of resources) {
    const place = there.get(resource);
    placed.push(
      place === undefined ? await withPlace(parts, resource) : ({ ...resource, place } as Resource),
    );
  }
  return placed;
}

async function placesOnMachines(
  { vmFiles }: Pick<ServiceParts, 'vmFiles'>,
  resources: readonly Resource[],
): Promise<ReadonlyMap<Resource, PathPlace>> {
  const found = new Map<Resource, PathPlace>();
  for (const [vm, asked] of Map.groupBy(resources.filter(isPlainThere), ({ vm }) => vm)) {
    const places = await vmFiles.placesOf(
      vm,
      asked.map(({ path }) => path),
    );
    for (const [at, place] of (places ?? []).entries()) found.set(asked[at]!, place);
  }
  return found;
}

type PathThere = Resource & { readonly kind: 'path'; readonly vm: string };

/** A path that is not plain is reached by whoever reaches the whole machine, and by nobody else. */
function isPlainThere(resource: Resource): resource is PathThere {
  return resource.kind === 'path' && resource.vm !== null && plainPath(resource.path) !== null;
}

/** Whether a folder bounds what the principal reaches, so that it matters where a path leads. */
export function isLimited({ grants, bound }: Principal): boolean {
  return [...grants, ...(bound ?? [])].some(({ scopes }) => !scopes.includes('*'));
}
