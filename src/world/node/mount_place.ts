import { chmodSync, mkdirSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { listFuseMounts, unmountFuse } from './fuse_mount.ts';

/** Others may pass through, and see nothing of what else is there. */
const PASSED = 0o711;

/** Makes a folder to mount on, in a folder of a folder that is this program's. What an earlier process has left mounted there is taken away. */
export function makeMountPlace(place: string): void {
  if (listFuseMounts().some(({ mountpoint }) => mountpoint === place)) unmountFuse(place, { lazily: true });
  mkdirSync(place, { recursive: true, mode: PASSED });
  for (const folder of [dirname(dirname(place)), dirname(place), place]) chmodSync(folder, PASSED); // whatever the umask is
}

/** Takes it away, where it is empty. */
export function removeMountPlace(place: string): void {
  for (const folder of [place, dirname(place)])
    try {
      rmdirSync(folder);
    } catch {
      return; // somebody else uses it, or it is gone
    }
}
