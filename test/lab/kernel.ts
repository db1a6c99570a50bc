import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { labCachePath } from './paths.ts';
import { findProgram } from './qemu.ts';

export interface LabKernel {
  readonly version: string;
  /** The kernel as packed by the distribution (bzImage). */
  readonly imagePath: string;
  /** Folder that holds a folder named `version` with the modules. */
  readonly modulesPath: string;
}

const xzMagic = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]);
const unpackedPath = `${labCachePath}/kernel`;

/**
 * Finds a kernel the lab can boot: the one unpacked by `fetchKernel`, else one that is installed. It needs 9P, which
 * Debian's cloud kernels lack.
 */
export function findKernel(): LabKernel | null {
  return findKernelUnder(unpackedPath) ?? findKernelUnder('');
}

function findKernelUnder(root: string): LabKernel | null {
  const modulesPath = `${root}/lib/modules`;
  if (!existsSync(modulesPath)) return null;
  for (const version of readdirSync(modulesPath).sort().reverse()) {
    const imagePath = `${root}/boot/vmlinuz-${version}`;
    const has9p = ['.ko', '.ko.xz'].some((end) =>
      existsSync(`${modulesPath}/${version}/kernel/net/9p/9pnet_virtio${end}`),
    );
    if (has9p && existsSync(imagePath)) return { version, imagePath, modulesPath };
  }
  return null;
}

/**
 * Downloads Debian's generic kernel (about 70 MB) with apt and unpacks it under `.cache/lab/kernel`. Nothing is
 * installed: the package's own scripts would build an initramfs and look for a boot loader.
 * @throws Error with the output of apt-get or dpkg-deb when one of them fails
 */
export function fetchKernel(): LabKernel {
  mkdirSync(labCachePath, { recursive: true });
  const work = mkdtempSync(`${labCachePath}/kernel-`);
  try {
    const about = run('apt-cache', ['show', '--no-all-versions', 'linux-image-amd64'], work);
    const packageName = /^Depends:.*?(linux-image-\S+)/m.exec(about)?.[1];
    if (packageName === undefined) throw new Error('linux-image-amd64 names no kernel package');
    run('apt-get', ['download', packageName], work);
    const archive = readdirSync(work).find((name) => name.endsWith('.deb'));
    if (archive === undefined) throw new Error(`apt-get download ${packageName} left no package`);
    run('dpkg-deb', ['--extract', archive, 'root'], work);
    const version = packageName.slice('linux-image-'.length);
    run(findProgram('depmod') ?? 'depmod', ['--basedir', `${work}/root`, version], work);
    rmSync(unpackedPath, { recursive: true, force: true });
    renameSync(`${work}/root`, unpackedPath);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const kernel = findKernelUnder(unpackedPath);
  if (kernel === null) throw new Error(`no kernel with 9P modules in ${unpackedPath}`);
  return kernel;
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/**
 * Path of the kernel unpacked to ELF (cached), which QEMU starts directly (PVH): under software emulation the kernel's
 * own unpacking takes 4 of 7 seconds. Returns the packed image where it is not packed with xz.
 */
export function bootableKernel(kernel: LabKernel): string {
  const elfPath = `${labCachePath}/vmlinux-${kernel.version}`;
  if (existsSync(elfPath)) return elfPath;
  const image = readFileSync(kernel.imagePath);
  const packed = payloadOf(image);
  if (!packed.subarray(0, xzMagic.length).equals(xzMagic)) return kernel.imagePath;
  const elf = execFileSync('xz', ['--decompress', '--stdout'], { input: packed, maxBuffer: 1 << 28 });
  if (elf.readUInt32BE(0) !== 0x7f454c46) return kernel.imagePath;
  mkdirSync(labCachePath, { recursive: true });
  const temporary = `${elfPath}.${process.pid}`;
  writeFileSync(temporary, elf);
  renameSync(temporary, elfPath);
  return elfPath;
}

/** The packed kernel inside a bzImage (Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length). */
function payloadOf(image: Buffer): Buffer {
  const setupSectors = image.readUInt8(0x1f1) || 4;
  const start = (setupSectors + 1) * 512 + image.readUInt32LE(0x248);
  // The last four bytes are the unpacked size, not part of the stream.
  return image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
}
