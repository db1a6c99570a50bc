// The module that the thread starts with which reads the requests of a mount that another machine serves.
import { readKernelRequests } from '../world/node/kernel_mount_thread.ts';

readKernelRequests();
