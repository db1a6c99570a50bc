// The module that the thread starts with which flushes files for the one that serves a mount.
import { serveFuseSide } from '../world/node/fuse_side.ts';

serveFuseSide();
