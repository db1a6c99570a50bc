import type { RelPath } from '../../../base/path.ts';
import type { Clock, Random } from '../../../world/clock.ts';

/** What a tree of another machine needs of this one. */
export interface RemoteTreePorts {
  readonly clock: Pick<Clock, 'sleep' | 'monotonicMs'>;
  readonly random: Pick<Random, 'bytes'>;
  /** Eight hexadecimal digits, of this mount alone: part of the names of files that are not whole yet. */
  readonly tag: string;
  /** Something that this side was told of is out of date: a name, or (`isName` false) the content and attributes. */
  readonly onChanged: (path: RelPath, isName: boolean) => void;
}
