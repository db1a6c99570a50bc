// Run after a change of dependencies: `node_modules/.bin/node scripts/complete_lock.ts`.
//
// A native package names one optional package for each platform. npm leaves those out of package-lock.json that the
// registry in use does not hold (a mirror with the builds of some platforms only), and `npm ci` then refuses the file
// on every platform. This adds the entries. They have no integrity, since nothing was downloaded; where the package is
// fetched, its version is pinned all the same.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface LockEntry {
  readonly version?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly cpu?: readonly string[] | string;
  readonly os?: readonly string[] | string;
  readonly libc?: readonly string[] | string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export type LockPackages = Readonly<Record<string, LockEntry>>;

const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
/** Architectures as packages write them, to the ones of `process.arch`. */
const ARCHITECTURES = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'];
/** Ends of the names of builds for one C library. Other ends (`msvc`, `eabi`) say nothing that npm could check. */
const LIBRARIES: Readonly<Record<string, string>> = {
  gnu: 'glibc',
  gnueabihf: 'glibc',
  musl: 'musl',
  musleabihf: 'musl',
};

/** Optional packages that an entry names and that have no entry, with the exact version and the one that names them. */
export function missingEntries(
  packages: LockPackages,
): { name: string; version: string; parent: LockEntry }[] {
  const missing = Object.values(packages).flatMap((parent) =>
    Object.entries(parent.optionalDependencies ?? {}).map(([name, version]) => ({ name, version, parent })),
  );
  return missing.filter(({ name }) => !(`node_modules/${name}` in packages));
}

/** The entry of a platform package by its name, for example `@scope/build-linux-arm64-musl`; null where it says no platform. */
export function platformEntry(name: string, version: string, parent: LockEntry): LockEntry | null {
  const words = name.split('/').at(-1)!.split('-');
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => ARCHITECTURES.includes(word));
  if (!os || !cpu || !/^\d+\.\d+\.\d+/.test(version)) return null;
  const libc =
    os === 'linux' ? words.map((word) => LIBRARIES[word]).find((one) => one !== undefined) : undefined;
  return {
    version,
    cpu: [cpu],
    ...(parent.dev ? { dev: true } : {}),
    ...(libc ? { libc: [libc] } : {}),
    optional: true,
    os: [os],
  };
}

/** Packages with the missing entries, in npm's order. Throws where a package is missing that is for no platform. */
export function complete(packages: LockPackages): LockPackages {
  const added = missingEntries(packages).map(({ name, version, parent }) => {
    const entry = platformEntry(name, version, parent);
    if (entry === null)
      throw new Error(`${name} ${version} is missing in package-lock.json and is no platform package`);
    return [`node_modules/${name}`, entry] as const;
  });
  const all = [...Object.entries(packages), ...added];
  return Object.fromEntries(all.sort(([a], [b]) => a.localeCompare(b, 'en')));
}

if (import.meta.main) {
  const path = join(dirname(dirname(fileURLToPath(import.meta.url))), 'package-lock.json');
  const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: LockPackages };
  const count = missingEntries(lock.packages).length;
  if (count > 0) {
    writeFileSync(path, `${JSON.stringify({ ...lock, packages: complete(lock.packages) }, null, 2)}\n`);
  }
  process.stdout.write(`${count} entries added\n`);
}
