import type { Principal } from '../access/rights/principal.ts';
import type { Resource } from '../access/rights/scope.ts';
import type { ServiceParts } from './ports.ts';

type FilesPart = Pick<ServiceParts, 'files'>;

/** The resource with where its path leads at this moment, for paths of this machine. */
export async function withPlace<R extends Resource>({ files }: FilesPart, resource: R): Promise<R> {
  if (resource.kind !== 'path' || resource.vm !== null || !resource.path.startsWith('/')) return resource;
  return { ...resource, place: await files.placeOf(resource.path) };
}

/** {@link withPlace} of each; one after the other, since a request may name many. */
export async function withPlaces(parts: FilesPart, resources: readonly Resource[]): Promise<Resource[]> {
  const placed: Resource[] = [];
  for (const resource of resources) placed.push(await withPlace(parts, resource));
  return placed;
}

/** Whether a folder bounds what the principal reaches, so that it matters where a path leads. */
export function isLimited({ grants, bound }: Principal): boolean {
  return [...grants, ...(bound ?? [])].some(({ scopes }) => !scopes.includes('*'));
}
