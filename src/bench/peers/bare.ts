import type { SharePeer } from '../share_peer.ts';

/** The folder itself: what all others are served from. */
export const bare: SharePeer = {
  name: 'bare',
  what: 'the file system itself, nothing in between',
  needs: [],
  hindrance: () => null,
  version: async () => '',
  start: async ({ shared }) => ({ kind: 'folder', path: shared }),
};
