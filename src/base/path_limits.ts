import { bytes } from './limit.ts';

/** Limits of names and paths: a part of LIMITS, alone since each command loads it. */
export const PATH_LIMITS = {
  nameMaxBytes: bytes(255, 'NAME_MAX of Linux'),
  pathMaxBytes: bytes(4096, 'PATH_MAX of Linux'),
};
