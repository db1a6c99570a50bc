export { type JournalDamage, type JournalEnd, JournalReader, readJournal } from './journal_reader.ts';
export {
  encodeJournalRecord,
  type JournalChunk,
  type JournalDropped,
  type JournalFile,
  type JournalHeader,
  type JournalPublished,
  type JournalRecord,
  journalMagic,
} from './journal_record.ts';
