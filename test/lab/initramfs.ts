import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type CpioEntry, packCpio } from './cpio.ts';
import type { LabKernel } from './kernel.ts';
import { guestScriptsPath, labCachePath, repositoryPath } from './paths.ts';
import { findProgram } from './qemu.ts';

/**
 * Modules loaded at boot, by when. The rest (nfs, cifs, xfs, …) load on demand with modprobe, as the guest sees the
 * kernel's whole module folder under /lib/modules.
 */
const moduleLists = {
  base: [
    'virtio_pci',
    'virtio_console',
    'virtio_net',
    'virtio_blk',
    'virtio_rng',
    '9p',
    '9pnet_virtio',
    'overlay',
  ],
  disk: ['ext4'],
  fuse: ['fuse'],
};

const guestScripts = {
  init: 'init.sh',
  'supervise.sh': 'supervise.sh',
  'commands.sh': 'commands.sh',
  'job.sh': 'job.sh',
};

/** Paths of a module and what it needs, in loading order. Built-in ones are absent. */
function modulePaths(kernel: LabKernel, name: string): string[] {
  const root = kernel.modulesPath.replace(/\/lib\/modules$/, '');
  const out = execFileSync(
    findProgram('modprobe') ?? 'modprobe',
    ['--dirname', root === '' ? '/' : root, '--set-version', kernel.version, '--show-depends', name],
    { encoding: 'utf8' },
  );
  return [...out.matchAll(/^insmod (\S.*?)\s*$/gm)].map((match) => match[1] ?? '');
}

function readModule(path: string): Buffer {
  if (!path.endsWith('.xz')) return readFileSync(path);
  return execFileSync('xz', ['--decompress', '--stdout', path], { maxBuffer: 1 << 26 });
}

/** Quotes a word for a POSIX shell. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

function entries(kernel: LabKernel): CpioEntry[] {
  const result: CpioEntry[] = [
    { path: 'bin', content: null },
    { path: 'modules', content: null },
    { path: 'bin/busybox', content: readFileSync('/usr/bin/busybox') },
  ];
  const conf = `LAB_REPOSITORY=${shellQuote(repositoryPath)}\nLAB_MODULES=${shellQuote(kernel.modulesPath)}\n`;
  result.push({ path: 'lab.conf', content: Buffer.from(conf) });
  for (const [path, script] of Object.entries(guestScripts)) {
    result.push({ path, content: readFileSync(`${guestScriptsPath}/${script}`) });
  }
  const packed = new Set<string>();
  for (const [list, names] of Object.entries(moduleLists)) {
    const loaded: string[] = [];
    for (const path of names.flatMap((name) => modulePaths(kernel, name))) {
      const file = basename(path, '.xz');
      if (packed.has(file)) continue;
      packed.add(file);
      loaded.push(file);
      result.push({ path: `modules/${file}`, content: readModule(path) });
    }
    result.push({
      path: `modules/${list}.list`,
      content: Buffer.from(loaded.map((file) => `${file}\n`).join('')),
    });
  }
  return result;
}

/**
 * Builds the guest's initramfs and returns its path. The file is named by the hash of its bytes, so it is written once
 * for the same scripts and kernel. It is not compressed: emulated unpacking costs more than QEMU's loading saves.
 */
export function buildInitramfs(kernel: LabKernel): string {
  const archive = packCpio(entries(kernel));
  const hash = createHash('sha256').update(archive).digest('hex').slice(0, 16);
  const path = `${labCachePath}/initramfs-${hash}.cpio`;
  if (existsSync(path)) return path;
  mkdirSync(labCachePath, { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, archive);
  renameSync(temporary, path);
  return path;
}
