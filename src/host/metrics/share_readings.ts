import type { ShareView } from '../../contract/share_schemas.ts';
import type { Readings } from '../../telemetry/readings.ts';
import type { Shares } from '../shares.ts';

/** What is shared, and what clients do with it now. */
export function readShares(readings: Readings, shares: Shares, views: readonly ShareView[]): void {
  for (const state of ['serving', 'error'] as const)
    readings.set('causeway_shares', { state }, views.filter((view) => view.state === state).length);
  for (const { name: share, openRequests, locks } of shares.activity()) {
    readings.set('causeway_share_open_requests', { share }, openRequests);
    readings.set('causeway_share_locks', { share }, locks);
  }
  for (const { name: share, usedBytes, quotaBytes } of views) {
    readings.set('causeway_share_used_bytes', { share }, usedBytes);
    readings.set('causeway_share_quota_bytes', { share }, quotaBytes);
  }
}
