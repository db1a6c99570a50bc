import type { Disk, Stat } from '../../disk.ts';
import { SimDir } from './dir.ts';
import { diskError } from './failure.ts';
import type { DiskPort } from './port.ts';
import { isDir } from './stability.ts';

/** The disk of a machine as one of its processes sees it. */
export class SimDisk implements Disk {
  readonly #port: DiskPort;

  constructor(port: DiskPort) {
    this.#port = port;
  }

  openRoot(absolutePath: string): Promise<SimDir> {
    return this.#port.run('open-root', 'metadata', absolutePath, () => {
      const { fileSystem, inode } = this.#port.parts.mounts.resolve(absolutePath, true);
      if (!isDir(inode)) throw diskError('CW_DISK_NOT_DIRECTORY', absolutePath);
      this.#port.checkAccess(inode, 4, absolutePath);
      return new SimDir(this.#port, { fileSystem, inode });
    });
  }

  statPath(absolutePath: string): Promise<Stat | null> {
    return this.#port.run('stat-path', 'metadata', absolutePath, () => {
      try {
        const { fileSystem, inode } = this.#port.parts.mounts.resolve(absolutePath, true);
        return fileSystem.stat(inode);
      } catch {
        return null; // the path leads nowhere: missing, below a file, or a loop of links
      }
    });
  }
}
