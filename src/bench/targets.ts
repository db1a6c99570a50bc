import { type FigureName, median } from './figures.ts';
import type { ShareResult } from './results.ts';

export interface ShareTarget {
  readonly ours: string;
  readonly peer: string;
  readonly figures: readonly FigureName[];
  /** Times as fast as the peer; null: the distance is told, and nothing is asked for. */
  readonly atLeast: number | null;
}

const ALL: readonly FigureName[] = ['write', 'read', 'create', 'list', 'random', 'clients'];

export const SHARE_TARGETS: readonly ShareTarget[] = [
  { ours: 'mount', peer: 'bindfs', figures: ALL, atLeast: 1 },
  { ours: 'mount', peer: 'bare', figures: ['read', 'random'], atLeast: 0.8 },
  { ours: 'mount-copying', peer: 'bindfs', figures: ALL, atLeast: 1 },
  { ours: 'mount-tls', peer: 'sshfs', figures: ['write', 'read', 'create', 'list'], atLeast: 3 },
  { ours: 'mount-tls', peer: 'sshfs', figures: ['random', 'clients'], atLeast: null },
  { ours: 'webdav', peer: 'rclone-webdav', figures: ['write', 'read'], atLeast: 1.5 },
  { ours: 'webdav', peer: 'rclone-webdav', figures: ['list'], atLeast: 2 },
  { ours: 'webdav', peer: 'rclone-webdav', figures: ['create', 'random', 'clients'], atLeast: null },
  { ours: 'webdav', peer: 'nginx-webdav', figures: ALL, atLeast: null },
  { ours: 'webdav', peer: 'apache-webdav', figures: ALL, atLeast: null },
  { ours: 'smb', peer: 'smbd', figures: ['write', 'read', 'create', 'list'], atLeast: null },
];

export interface Verdict {
  readonly ours: string;
  readonly peer: string;
  readonly figure: FigureName;
  /** Times as fast, the median of the rounds in which both were measured; null where there is none. */
  readonly ratio: number | null;
  readonly atLeast: number | null;
  /** Null where nothing is asked for, or nothing was measured. */
  readonly isMet: boolean | null;
}

/** One verdict for each figure of each target whose both sides take part. */
export function verdictsOf(results: readonly ShareResult[]): Verdict[] {
  const byName = new Map(results.map((result) => [result.name, result]));
  return SHARE_TARGETS.flatMap(({ ours, peer, figures, atLeast }) => {
    const [left, right] = [byName.get(ours), byName.get(peer)];
    if (left === undefined || right === undefined) return [];
    return figures.map((figure) => {
      const ratio = ratioOf(left, right, figure);
      const isMet = atLeast === null || ratio === null ? null : ratio >= atLeast;
      return { ours, peer, figure, ratio, atLeast, isMet };
    });
  });
}

/** Only rounds in which both were measured count: the machine is not as fast in each. */
function ratioOf(left: ShareResult, right: ShareResult, figure: FigureName): number | null {
  const rivals = right.samples[figure] ?? [];
  const ratios = (left.samples[figure] ?? []).flatMap((sample, round) => {
    const rival = rivals[round] ?? null;
    return sample === null || rival === null ? [] : [sample.perSecond / rival.perSecond];
  });
  return median(ratios);
}
