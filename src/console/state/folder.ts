import { useEffect, useState } from 'preact/hooks';
import type { FileEntryView } from '../../contract/file_schemas.ts';
import { call } from '../api/client.ts';

/** A folder of this computer as it is shown; of path null the places to begin at. */
export interface ShownFolder {
  readonly path: string | null;
  readonly entries: readonly FileEntryView[];
  readonly next: string | null;
  readonly isCut: boolean;
}

export interface Folder {
  readonly shown: ShownFolder | null;
  readonly failure: unknown;
  readonly more: () => Promise<void>;
}

/** Lists a folder, and again when another one or hidden files are asked for. An answer that comes late is dropped. */
export function useFolder(path: string | null, hidden: boolean): Folder {
  const [shown, setShown] = useState<ShownFolder | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => {
    let isWanted = true;
    setFailure(null);
    ask(path, hidden).then(
      (folder) => isWanted && setShown(folder),
      (thrown) => isWanted && setFailure(thrown),
    );
    return () => {
      isWanted = false;
    };
  }, [path, hidden]);
  const more = async (): Promise<void> => {
    if (shown === null || shown.next === null) return;
    const page = await ask(shown.path, hidden, shown.next);
    // another folder may be shown by now
    setShown((now) => (now === shown ? { ...page, entries: [...shown.entries, ...page.entries] } : now));
  };
  return { shown, failure, more };
}

async function ask(path: string | null, hidden: boolean, cursor?: string): Promise<ShownFolder> {
  const page = await call(
    'listFiles',
    {},
    { ...(path !== null && { path }), ...(hidden && { hidden }), ...(cursor !== undefined && { cursor }) },
  );
  return { path: page.path, entries: page.entries, next: page.nextCursor, isCut: page.isCut };
}
