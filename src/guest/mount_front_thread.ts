// The module that the thread starts with which answers the kernel of a mount that another machine serves.
import { MountFrontThread } from './mount_front.ts';

void MountFrontThread.open().then((front) => front.run());
