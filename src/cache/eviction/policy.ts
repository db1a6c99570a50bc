/**
 * Decides which keys leave a store of limited size. Pure bookkeeping: it holds no data, has no clock and no chance, and
 * the same calls give the same answers. The store calls {@link touch} at each use, and {@link admit} once the data of a
 * key is there (or before it is fetched); what `admit` returns is no longer resident, and its data has to be removed.
 * Keys of the implementations here are whole numbers from 0 to 2^53 - 1, sizes are whole bytes from 1 to 2^32 - 1.
 */
export interface EvictionPolicy<K> {
  /** Notes a use; true if the key is resident. */
  touch(key: K): boolean;
  /**
   * Makes the key resident, with its size; returns the keys that have to leave for it: never the key itself, none that is
   * pinned, [] if it fits. A key that is resident already gets the new size. Null where it is refused: it is larger than
   * the whole, or than what pinned keys leave of it; whether it was resident then stays as it was, with its old size.
   */
  admit(key: K, sizeBytes: number): readonly K[] | null;
  /** Takes a key out without counting it as evicted (file removed, invalidated), pinned or not; any key may be given. */
  drop(key: K): void;
  /** A pinned key (dirty) is never returned by `admit`. It has to be resident; pins are not counted. */
  pin(key: K): void;
  /** Ends a pin; the key counts as just used. Nothing happens where it is not pinned. */
  unpin(key: K): void;
  /** Bytes of all resident keys, pinned ones among them; never above the capacity. */
  readonly residentBytes: number;
}
