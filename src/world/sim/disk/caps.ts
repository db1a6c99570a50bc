import { assert } from '../../../base/assert.ts';
import { CausewayError } from '../../../base/errors.ts';
import type { DiskFile } from '../../disk.ts';
import type { FileCaps, FileRanges, RangeCopies, XattrStore } from '../../disk_caps.ts';
import type { Operation } from '../trace.ts';
import { PAGE_BYTES } from './content.ts';
import { diskError } from './failure.ts';
import type { FileInode } from './inode.ts';
import type { Located } from './mounts.ts';
import type { DiskPort } from './port.ts';

/** An open file, as its capabilities use it. */
export interface OpenSimFile {
  readonly port: DiskPort;
  readonly at: Located<FileInode>;
  readonly name: string;
  /** Throws where the handle was closed, or `writes` and it is for reading only. */
  readonly check: (writes: boolean) => void;
}

/** What an open file gives to a copy from it. */
export interface SimSource {
  readonly source: Located<FileInode>;
}

export function simFileCaps(file: OpenSimFile): FileCaps {
  const { port, at, name, check } = file;
  const located = (): Located => {
    check(false);
    return at;
  };
  return {
    ranges: simRanges(file),
    copies: simCopies(file),
    xattrs: simXattrs({ port, name, at: located }),
    cache: null, // this machine has no memory to keep pages in
  };
}

function simRanges({ port, at, name, check }: OpenSimFile): FileRanges {
  const { fileSystem, inode } = at;
  const seek = (offset: number, allocated: boolean): Promise<number | null> =>
    port.run('seek', 'metadata', name, () => {
      check(false);
      return inode.content.seek(offset, allocated);
    });
  const change = (
    operation: Operation,
    offset: number,
    lengthBytes: number,
    act: () => void,
  ): Promise<void> =>
    port.run(operation, 'write', name, () => {
      check(true);
      assert(offset >= 0 && offset + lengthBytes <= inode.sizeBytes, `the range lies within ${name}`);
      act();
    });
  return {
    seekData: (offset) => seek(offset, true),
    seekHole: async (offset) => {
      const { sizeBytes } = inode;
      return offset < sizeBytes ? ((await seek(offset, false)) ?? sizeBytes) : null;
    },
    punchHole: (offset, lengthBytes) =>
      change('punch-hole', offset, lengthBytes, () => fileSystem.punchHole(inode, offset, lengthBytes)),
    allocate: (offset, lengthBytes) =>
      change('allocate', offset, lengthBytes, () => fileSystem.allocate(inode, offset, lengthBytes)),
  };
}

function simCopies({ port, at, name, check }: OpenSimFile): RangeCopies {
  const { fileSystem, inode } = at;
  const readRange = (from: FileInode, offset: number, lengthBytes: number, toOffset: number): Uint8Array => {
    const overlaps = offset < toOffset + lengthBytes && toOffset < offset + lengthBytes;
    if (from === inode && overlaps) throw diskError('CW_UNSUPPORTED', name);
    const bytes = new Uint8Array(lengthBytes);
    return bytes.subarray(0, from.content.read(bytes, offset, lengthBytes));
  };
  const sourceOf = (from: DiskFile): FileInode => {
    const { source } = from as DiskFile & Partial<SimSource>;
    assert(source !== undefined, 'both files of a copy are of one simulated disk');
    if (source.fileSystem !== fileSystem) throw diskError('CW_DISK_CROSS_DEVICE', name);
    return source.inode;
  };
  return {
    copyRange: (from, fromOffset, toOffset, lengthBytes) =>
      port.run('copy-range', 'write', name, () => {
        check(true);
        const { injector } = port.parts;
        const count = injector.shorten('write', lengthBytes);
        const bytes = readRange(sourceOf(from), fromOffset, count, toOffset);
        if (bytes.byteLength === 0) return 0;
        return fileSystem.write(inode, injector.stored(bytes), toOffset);
      }),
    reflink: (from, fromOffset, toOffset, lengthBytes) =>
      port.run('reflink', 'write', name, () => {
        check(true);
        const source = sourceOf(from);
        const bytes = readRange(source, fromOffset, lengthBytes, toOffset);
        const atBothEnds =
          fromOffset + lengthBytes === source.sizeBytes && toOffset + lengthBytes >= inode.sizeBytes;
        const aligned = [fromOffset, toOffset, atBothEnds ? 0 : lengthBytes].every(
          (at) => at % PAGE_BYTES === 0,
        );
        if (!aligned || bytes.byteLength < lengthBytes) throw diskError('CW_UNSUPPORTED', name);
        if (inode.content.fits(toOffset, lengthBytes, fileSystem.freePages) < lengthBytes)
          throw diskError('CW_DISK_FULL', name);
        fileSystem.write(inode, bytes, toOffset);
      }),
  };
}

const VALUE_MAX_BYTES = 65_536;

/** Extended attributes with the rules of Linux: `user` for files and folders, `trusted` and `security` for root. */
export function simXattrs(entry: {
  readonly port: DiskPort;
  readonly name: string;
  readonly at: () => Located;
}): XattrStore {
  const { port, name, at } = entry;
  const run = <T>(act: (at: Located) => T): Promise<T> =>
    port.run('xattr', 'metadata', name, () => act(at()));
  const checkName = ({ inode }: Located, attribute: string): void => {
    const [namespace = '', ...rest] = attribute.split('.');
    if (rest.join('.') === '' || attribute.includes('\0'))
      throw new CausewayError('CW_DISK_NAME', `${JSON.stringify(attribute)} is no name of an attribute`);
    if (namespace === 'user' && inode.kind !== 'file' && inode.kind !== 'directory')
      throw diskError('CW_DISK_PERMISSION', name);
    if (!['user', 'trusted', 'security', 'system'].includes(namespace))
      throw diskError('CW_UNSUPPORTED', name);
    if (namespace !== 'user' && port.parts.userId !== 0) throw diskError('CW_DISK_PERMISSION', name);
  };
  return {
    list: () => run(({ inode }) => [...inode.xattrs.keys()]),
    get: (attribute) => run(({ inode }) => inode.xattrs.get(attribute)?.slice() ?? null),
    set: (attribute, value) =>
      run((located) => {
        checkName(located, attribute);
        if (value.byteLength > VALUE_MAX_BYTES) throw diskError('CW_UNSUPPORTED', name);
        const { fileSystem, inode } = located;
        fileSystem.setXattrs(inode, new Map([...inode.xattrs, [attribute, new Uint8Array(value)]]));
      }),
    remove: (attribute) =>
      run((located) => {
        const { fileSystem, inode } = located;
        if (!inode.xattrs.has(attribute)) return false;
        checkName(located, attribute);
        fileSystem.setXattrs(inode, new Map([...inode.xattrs].filter(([key]) => key !== attribute)));
        return true;
      }),
  };
}
