/** A file of the device that the browser runs on. */
export interface PickedFile {
  /** Below the top of what is sent: `photos/2020/a.jpg`. */
  readonly path: string;
  readonly blob: Blob;
  readonly mtimeMs: number;
}

/** What was chosen or dropped, to be sent to the daemon. */
export interface Picked {
  readonly files: readonly PickedFile[];
  /** Folders with nothing in them. */
  readonly folders: readonly string[];
}

/** A file or folder at the top of it. */
export interface PickedTop {
  readonly name: string;
  readonly kind: 'file' | 'folder';
  readonly files: number;
  readonly bytes: number;
}

export const NOTHING_PICKED: Picked = { files: [], folders: [] };

export function isNothing({ files, folders }: Picked): boolean {
  return files.length + folders.length === 0;
}

/** With `more`; what has the same name at the top gives way. */
export function withPicked(picked: Picked, more: Picked): Picked {
  const names = new Set([...more.files.map(({ path }) => path), ...more.folders].map(topOf));
  const kept = without(picked, names);
  return { files: [...kept.files, ...more.files], folders: [...kept.folders, ...more.folders] };
}

export function withoutTop(picked: Picked, name: string): Picked {
  return without(picked, new Set([name]));
}

function without({ files, folders }: Picked, names: ReadonlySet<string>): Picked {
  return {
    files: files.filter(({ path }) => !names.has(topOf(path))),
    folders: folders.filter((path) => !names.has(topOf(path))),
  };
}

/** Folders first, by name. */
export function topsOf({ files, folders }: Picked): PickedTop[] {
  const tops = new Map<string, PickedTop>();
  const add = (path: string, isFolder: boolean, count: number, bytes: number): void => {
    const name = topOf(path);
    const before = tops.get(name) ?? { files: 0, bytes: 0 };
    const kind = isFolder || path !== name ? 'folder' : 'file';
    tops.set(name, { name, kind, files: before.files + count, bytes: before.bytes + bytes });
  };
  for (const { path, blob } of files) add(path, false, 1, blob.size);
  for (const path of folders) add(path, true, 0, 0);
  return [...tops.values()].sort((a, b) =>
    a.kind === b.kind ? a.name.localeCompare(b.name) : a.kind === 'folder' ? -1 : 1,
  );
}

export function bytesOf({ files }: Picked): number {
  return files.reduce((sum, { blob }) => sum + blob.size, 0);
}

function topOf(path: string): string {
  return path.split('/', 1)[0] ?? path;
}
