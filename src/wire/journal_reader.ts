import { LIMITS } from '../base/limits.ts';
import {
  decodeJournalPayload,
  JOURNAL_MAGIC,
  JOURNAL_VERSION,
  type JournalRecord,
} from './journal_record.ts';
import { type RecordDamage, type RecordFormat, RecordReader, type RecordsEnd } from './record_reader.ts';

export type JournalDamage = RecordDamage;
export type JournalEnd = RecordsEnd;

const FORMAT: RecordFormat<JournalRecord> = {
  what: 'journal',
  magic: JOURNAL_MAGIC,
  version: JOURNAL_VERSION,
  recordMaxBytes: LIMITS.journalRecordMaxBytes.value,
  decode: decodeJournalPayload,
};

/** Reads a journal in pieces; see {@link RecordReader}. */
export class JournalReader extends RecordReader<JournalRecord> {
  constructor() {
    super(FORMAT);
  }
}

/** Reads a whole journal; never throws. For a journal that may be large use {@link JournalReader}. */
export function readJournal(bytes: Uint8Array): JournalEnd & { readonly records: JournalRecord[] } {
  const reader = new JournalReader();
  const records = reader.push(bytes);
  return { records, ...reader.finish() };
}
