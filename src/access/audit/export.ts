import type { LogReader } from './reader.ts';
import { type AuditFilter, fits } from './search.ts';

/**
 * The records that the filter finds, the oldest first, each as one line of JSON with a newline behind it. `chain` is the
 * chain value after the record, with which an export can be compared with the log it came from.
 */
export async function* exportLines(reader: LogReader, filter: AuditFilter): AsyncGenerator<string> {
  for (const segment of await reader.segments()) {
    const read = await reader.read(segment, (record) => fits(filter, record));
    for (const { record, chain } of read?.records ?? []) {
      const { sequence, timeMs, actor, action, resource, outcome, details } = record;
      yield `${JSON.stringify({ sequence, timeMs, actor, action, resource, outcome, details, chain })}\n`;
    }
  }
}
