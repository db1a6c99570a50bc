import { useEffect, useState } from 'preact/hooks';
import type { FileEntryView } from '../../contract/file_schemas.ts';
import { call } from '../api/client.ts';

/** A folder of a place as it is shown; of path null the places to begin at. */
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

/** Lists a folder of a machine, or of this computer where `place` is empty, and again when another one or hidden files are asked for. An answer that comes late is dropped. */
export function useFolder(place: string, path: string | null, hidden: boolean): Folder {
  const [shown, setShown] = useState<ShownFolder | null>(null);
  const [failure, setFailure] = useState<unknown>(null);
  useEffect(() => {
    let isWanted = true;
    setFailure(null);
    ask(place, { path, hidden }).then(
      (folder) => isWanted && setShown(folder),
      (thrown) => isWanted && setFailure(thrown),
    );
    return () => {
      isWanted = false;
    };
  }, [place, path, hidden]);
  const more = async (): Promise<void> => {
    if (shown === null || shown.next === null) return;
    const page = await ask(place, { path: shown.path, hidden, cursor: shown.next });
    // another folder may be shown by now
    setShown((now) => (now === shown ? { ...page, entries: [...shown.entries, ...page.entries] } : now));
  };
  return { shown, failure, more };
}

interface Asked {
  readonly path: string | null;
  readonly hidden: boolean;
  readonly cursor?: string;
}

async function ask(place: string, { path, hidden, cursor }: Asked): Promise<ShownFolder> {
  const request = {
    ...(path !== null && { path }),
    ...(hidden && { hidden }),
    ...(cursor !== undefined && { cursor }),
  };
  const page =
    place === '' ? await call('listFiles', {}, request) : await call('listVmFiles', { name: place }, request);
  return { path: page.path, entries: page.entries, next: page.nextCursor, isCut: page.isCut };
}
