import { LIMITS } from '../base/limits.ts';
import type { CborMap } from './cbor.ts';
import { bytes, map, mapList, nullable, oneOf, optional, text, u32, uint } from './fields.ts';

/*
 * What the two sides of a copy tell each other of the direct path: the sink copies files by itself because it reaches those of
 * the source (docs/design/direct.md).
 */

/** `always`: a copy that cannot take the direct path is refused. */
export type DirectMode = 'auto' | 'always' | 'never';
export const DIRECT_MODES: readonly DirectMode[] = ['auto', 'always', 'never'];

/** How the sink copies: by sharing blocks, by the kernel, or through its own memory. */
export const DIRECT_METHODS = ['reflink', 'copy_file_range', 'direct'] as const;
export type DirectMethod = (typeof DIRECT_METHODS)[number];

/** By what the sink finds the source's process, and in it the source's folders. */
export interface DirectProof {
  readonly processId: number;
  /** A descriptor there, of memory that holds `secret`. */
  readonly secretFd: number;
  readonly secret: Uint8Array;
  /** For each source a descriptor of its folder, or of the folder that holds the file `name`. */
  readonly opened: readonly DirectFolder[];
}

export interface DirectFolder {
  readonly fd: number;
  /** Empty for a folder. */
  readonly name: string;
}

/** What took the direct path so far in this attempt. */
export interface DirectFigures {
  readonly methods: readonly DirectShare[];
  /** Files that were to take it and came over the link. */
  readonly backFiles: number;
  /** Why nothing took it, or why the last of these files did not; null where there is no reason to tell. */
  readonly why: string | null;
}

export interface DirectShare {
  readonly method: DirectMethod;
  readonly files: number;
  readonly bytes: number;
}

export const DIRECT_SECRET_BYTES = 32;
const DESCRIPTOR_MAX = 0x7fff_ffff;

export function directProof(m: CborMap): { proof?: DirectProof } {
  const proof = optional(m, 'proof', (parent, name) => readProof(map(parent, name)));
  return proof === undefined ? {} : { proof };
}

function readProof(m: CborMap): DirectProof {
  return {
    processId: uint(m, 'processId', DESCRIPTOR_MAX),
    secretFd: uint(m, 'secretFd', DESCRIPTOR_MAX),
    secret: bytes(m, 'secret', DIRECT_SECRET_BYTES),
    opened: mapList(m, 'opened', LIMITS.sourcesMax.value, (folder) => ({
      fd: uint(folder, 'fd', DESCRIPTOR_MAX),
      name: text(folder, 'name', LIMITS.nameMaxBytes.value),
    })),
  };
}

export function directFigures(m: CborMap): { direct?: DirectFigures } {
  const direct = optional(m, 'direct', map);
  if (direct === undefined) return {};
  return {
    direct: {
      methods: mapList(direct, 'methods', DIRECT_METHODS.length, (share) => ({
        method: oneOf(share, 'method', DIRECT_METHODS),
        files: uint(share, 'files'),
        bytes: uint(share, 'bytes'),
      })),
      backFiles: u32(direct, 'backFiles'),
      why: nullable(direct, 'why', (parent, name) => text(parent, name, LIMITS.pathMaxBytes.value)),
    },
  };
}
