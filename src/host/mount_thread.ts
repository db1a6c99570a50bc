// The module that the thread starts with which serves a mount of a folder of this machine.
import { LIMITS } from '../base/limits.ts';
import { Recorder } from '../share/fuse/recorder.ts';
import { FuseServer } from '../share/fuse/server.ts';
import { PLACE } from '../share/fuse/state.ts';
import { QuotaClerk } from '../tree/files/quota_clerk.ts';
import { openFuseDevice } from '../world/node/fuse_device.ts';
import { fuseSideOf } from '../world/node/fuse_side.ts';
import { fuseThreadData } from '../world/node/fuse_thread_data.ts';
import { createPosix } from '../world/node/posix_calls.ts';

const O_PATH = 0o10000000;
/** It is there where the kernel reads labels. */
const SELINUX = '/sys/fs/selinux';

const { fuseFd, stopFd, source, readOnly, cacheMs, passthrough, quota, records, side, tell } =
  fuseThreadData();
const posix = createPosix(PLACE.memoryBytes);
const device = openFuseDevice(fuseFd, stopFd, posix.memory.bytes, PLACE.requestBytes);
const rootFd = posix.names.openPath(source, O_PATH);
if (rootFd < 0) throw new Error(`${source} cannot be opened (error ${-rootFd})`);
const selinuxFd = posix.names.openPath(SELINUX, O_PATH);
if (selinuxFd >= 0) posix.data.close(selinuxFd);
const backing = passthrough ? { open: device.openBacking, close: device.closeBacking } : null;
const server = new FuseServer(
  posix,
  rootFd,
  {
    readOnly,
    far: null,
    times: { namesMs: cacheMs, attrsMs: cacheMs },
    backing,
    quota: quota === null ? null : new QuotaClerk(quota),
    recorder: records === null ? null : new Recorder(records, tell),
    side: fuseSideOf(side),
    leases: null,
    readsLabels: selinuxFd >= 0,
    nodesMax: LIMITS.mountNodesMax.value,
  },
  { place: () => PLACE.answer, send: device.send },
);
tell('ready');
for (;;) {
  const sizeBytes = device.next();
  if (sizeBytes === null || !server.serve(PLACE.request, sizeBytes)) break;
}
server.close();
