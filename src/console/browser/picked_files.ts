import type { Picked, PickedFile } from '../format/picked.ts';

/** The files of an `<input type="file">`; of one for folders with their paths. */
export function pickedOf(files: FileList): Picked {
  return { files: [...files].map((file) => picked(file, file.webkitRelativePath || file.name)), folders: [] };
}

/** Whether something that is dragged over the page are files. */
export function hasFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes('Files') === true;
}

/**
 * All files and folders that were dropped. What is dropped is only there during the event: call it there. Rejects where
 * the browser may not read something.
 */
export async function dropped({ dataTransfer }: DragEvent): Promise<Picked> {
  const items = [...(dataTransfer?.items ?? [])].filter(({ kind }) => kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const files: PickedFile[] = [];
  const folders: string[] = [];
  for (const entry of entries) {
    if (entry instanceof File) files.push(picked(entry, entry.name));
    else if (entry !== null) await collect(entry, '', { files, folders });
  }
  return { files, folders };
}

async function collect(
  entry: FileSystemEntry,
  above: string,
  into: { readonly files: PickedFile[]; readonly folders: string[] },
): Promise<void> {
  const path = above === '' ? entry.name : `${above}/${entry.name}`;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    into.files.push(picked(file, path));
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  let count = 0;
  for (;;) {
    // the browser gives some at a time, and none at the end
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) break;
    count += some.length;
    for (const child of some) await collect(child, path, into);
  }
  if (count === 0) into.folders.push(path);
}

function picked(blob: File, path: string): PickedFile {
  return { path, blob, mtimeMs: Math.max(0, Math.floor(blob.lastModified)) };
}
