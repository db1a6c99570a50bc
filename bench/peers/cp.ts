import type { CopyRun, Peer } from '../peer.ts';
import { findTool, plainEnv, quoted, versionLine } from '../tools.ts';
import type { Workplace } from '../workplace.ts';

/** The machine's own copy, as a floor: one process, no wire, no hash. */
export function cpPeer(place: Workplace): Peer {
  return {
    name: 'cp',
    note: 'local copy, no wire; the file system of the destination is flushed inside the time',
    kinds: ['file', 'tree'],
    updates: false,
    local: true,
    async start() {
      findTool('cp', 'coreutils');
    },
    version: () => versionLine([findTool('cp', 'coreutils'), '--version']),
    command({ source, destination }: CopyRun) {
      // A reflink would copy nothing, and then there is nothing to compare with.
      const copy = `cp -a --reflink=never ${quoted(source)} ${quoted(`${destination}/`)}`;
      return {
        argv: ['/bin/sh', '-c', `${copy} && sync -f ${quoted(destination)}`],
        env: plainEnv(place.config),
      };
    },
    servers: () => [],
    async stop() {
      // Nothing stays behind: the copy is one process.
    },
  };
}
