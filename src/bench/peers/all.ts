import type { SharePeer } from '../share_peer.ts';
import { bare } from './bare.ts';
import { bindfs } from './bindfs.ts';
import { ownCopyingMount, ownDav, ownDavTls, ownFarMount, ownMount, ownSmb } from './ours.ts';
import { rcloneDav } from './rclone.ts';
import { plainSmbd } from './smbd.ts';
import { sshfs } from './sshfs.ts';
import { apacheDav, nginxDav } from './web_servers.ts';

/** All ways of sharing that can be measured, those that are compared with each other side by side. */
export const SHARE_PEERS: readonly SharePeer[] = [
  bare,
  ownMount,
  ownCopyingMount,
  bindfs,
  ownFarMount,
  sshfs,
  ownDav,
  ownDavTls,
  rcloneDav,
  nginxDav,
  apacheDav,
  ownSmb,
  plainSmbd,
];
