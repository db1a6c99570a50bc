import type { DiskFile } from '../../world/disk.ts';
import type { Job } from '../../world/offload.ts';

/** Sends a part of a file over a connection, as long as the client takes it and time allows. How many bytes were sent. */
export const davSendJob: Job<
  {
    readonly file: DiskFile;
    readonly fd: number;
    readonly offset: number;
    readonly lengthBytes: number;
    readonly forMs: number;
    readonly aloneMs: number;
  },
  number
> = {
  name: 'dav-send',
  async run({ file, fd, ...part }, { sender }) {
    return sender === null ? 0 : sender.send(file, fd, part);
  },
};
