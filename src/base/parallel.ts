import { assert } from './assert.ts';

/**
 * Works on items in order, at most `atOnce` (1 or more) at a time. After a failure no further item is begun; the first
 * failure is thrown once everything that was begun has come to its end, so that nothing works on behind the caller.
 */
export async function forEachAtOnce<T>(
  items: Iterable<T>,
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  assert(atOnce >= 1, 'something works at a time');
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const worker = async () => {
    for (let next = iterator.next(); !next.done && failures.length === 0; next = iterator.next()) {
      try {
        await work(next.value);
      } catch (failure) {
        failures.push(failure);
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  if (failures.length > 0) throw failures[0];
}
