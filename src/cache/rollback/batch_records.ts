import { fromUtf8, utf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { frameRecord, recordPrelude } from '../../wire/record_frame.ts';
import type { RecordFormat } from '../../wire/record_reader.ts';

const MAGIC = Uint8Array.of(0x89, 0x43, 0x57, 0x52, 0x42, 0x4b, 0x0d, 0x0a);
const VERSION = 1;
const RECORD_TYPE = 1;

/** What stood under a name. Times in nanoseconds as text; paths and names are bytes as Latin-1 in all of these. */
export interface Seen {
  /** Inode and time of birth: tells it from all others that were ever in the folder. */
  readonly key: string;
  /** Kind and permissions, as stat(2) has them. */
  readonly mode: number;
  readonly userId: number;
  readonly groupId: number;
  /** How many names it has. */
  readonly links: number;
  readonly sizeBytes: number;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

/** Something whose name was taken. `kept`: its further name in the folder of the batch; null where nothing had to be kept. */
export interface Taken {
  readonly seen: Seen;
  readonly kept: string | null;
}

/**
 * A record of a batch: what was there before a change, written before the change is made. Undone in reverse order, they
 * give what was there before the batch. Paths are those of the moment of the record.
 */
export type BatchRecord =
  | {
      readonly do: 'begin';
      readonly number: number;
      readonly atMs: number;
      /** Whose mount it came from. */
      readonly from: string;
      /** Of the running system: another one since tells of a restart. */
      readonly boot: string;
      /** Set where it is a rollback: the first batch that it took back. */
      readonly to?: number;
      /** Then: the first batch that is of no use after it. */
      readonly takes?: number;
      /** Why nothing before it can be reached. */
      readonly gap?: string;
    }
  /** The first change of content or attributes of something that the batch did not make. */
  | { readonly do: 'image'; readonly path: string; readonly seen: Seen }
  /** Old bytes of a file, which lie at `dataAt` of the data of the batch. */
  | {
      readonly do: 'bytes';
      readonly path: string;
      readonly at: number;
      readonly sizeBytes: number;
      readonly dataAt: number;
    }
  | { readonly do: 'make'; readonly path: string }
  | { readonly do: 'made'; readonly path: string; readonly seen: Seen }
  | ({ readonly do: 'remove'; readonly path: string } & Taken)
  | {
      readonly do: 'rename';
      readonly from: string;
      readonly to: string;
      readonly seen: Seen;
      readonly replaced: Taken | null;
    }
  | {
      readonly do: 'exchange';
      readonly from: string;
      readonly to: string;
      readonly seen: Seen;
      readonly other: Seen;
    }
  /** An extended attribute; null: it had none of that name. In base64. */
  | {
      readonly do: 'value';
      readonly path: string;
      readonly seen: Seen;
      readonly name: string;
      readonly old: string | null;
    }
  /** What the last record tells of was not done. */
  | { readonly do: 'failed' }
  /** What that has left of something: it had a further name for a moment. */
  | { readonly do: 'left'; readonly seen: Seen }
  /** Of a rollback: so many of its steps are done. */
  | { readonly do: 'step'; readonly count: number }
  | {
      readonly do: 'end';
      readonly atMs: number;
      /** What it left of the files that it changed. */
      readonly after: readonly Seen[];
      /** Names that it changed, and bytes that it keeps. */
      readonly files: number;
      readonly keptBytes: number;
      /** The system was restarted in the middle of it: what it overwrote may not be known. */
      readonly isCut?: true;
    };

/** The first bytes of a log. */
export function batchPrelude(): Uint8Array {
  return recordPrelude(MAGIC, VERSION);
}

export function encodeBatchRecord(record: BatchRecord): Uint8Array {
  return frameRecord(RECORD_TYPE, utf8(JSON.stringify(record)), LIMITS.rollbackRecordMaxBytes.value);
}

/** For a {@link RecordReader}. */
export const BATCH_FORMAT: RecordFormat<BatchRecord> = {
  what: 'log of a batch',
  magic: MAGIC,
  version: VERSION,
  recordMaxBytes: LIMITS.rollbackRecordMaxBytes.value,
  decode: (_type, payload) => {
    try {
      return JSON.parse(fromUtf8(payload) ?? '') as BatchRecord;
    } catch (cause) {
      throw new CausewayError('CW_WIRE_MALFORMED', 'a record of a batch cannot be read', { cause });
    }
  },
};

/** Records without those that tell of what was not done. */
export function doneRecords(records: readonly BatchRecord[]): BatchRecord[] {
  const done: BatchRecord[] = [];
  for (const record of records)
    if (record.do === 'failed') done.pop();
    else done.push(record);
  return done;
}
