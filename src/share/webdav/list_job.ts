import { PATH_LIMITS } from '../../base/path_limits.ts';
import { VALUE_PREFIX } from '../../tree/files/local_values.ts';
import { isPrivateName } from '../../tree/files/names.ts';
import type { Dir } from '../../world/disk.ts';
import type { Job } from '../../world/offload.ts';
import { DEAD_VALUE } from './dead_properties.ts';
import { type AskedList, EntryXml } from './entry_xml.ts';

const DEAD_ATTRIBUTE = VALUE_PREFIX + DEAD_VALUE;

/** A part of a list, as it is sent. */
export interface ListedPage {
  /** XML in UTF-8. */
  readonly bytes: Uint8Array;
  /** Entries that take the longer way: symlinks, and what may have properties that clients have set. */
  readonly others: readonly string[];
  readonly isEnd: boolean;
}

/**
 * Writes the next entries of an open folder as `asked`, from where the last page ended, at least `enoughBytes` if there are
 * as many. Null where this thread cannot.
 */
export const davListJob: Job<
  { readonly dir: Dir; readonly asked: AskedList; readonly enoughBytes: number },
  ListedPage | null
> = {
  name: 'dav-list',
  async run({ dir, asked, enoughBytes }, { folders }) {
    if (folders === null) return null;
    const xml = new EntryXml(asked);
    const parts: string[] = [];
    const others: string[] = [];
    let length = 0;
    const isEnd = folders.scan(dir, (entry) => {
      const { name, kind } = entry;
      if (kind === 'other' || isPrivateName(name)) return true;
      if (kind === 'symlink' || (asked.mayBeDead && entry.hasXattr(DEAD_ATTRIBUTE))) {
        others.push(name);
        length += PATH_LIMITS.nameMaxBytes.value;
      } else {
        const text = xml.of(entry);
        parts.push(text);
        length += text.length;
      }
      return length < enoughBytes;
    });
    return { bytes: Buffer.from(parts.join('')), others, isEnd };
  },
};
