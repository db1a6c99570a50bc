import { signal } from '@preact/signals';
import { ApiError } from '../api/errors.ts';
import { after } from '../browser/clock.ts';
import { sentence } from '../format/jobs.ts';
import type { Messages } from '../messages/en/index.ts';
import { messages } from './language.ts';

export interface Notice {
  readonly id: number;
  readonly kind: 'good' | 'bad';
  readonly text: string;
  /** A second line: what to do. */
  readonly help: string;
}

const GOOD_FOR_MS = 6_000;
/** More would cover the page; the oldest goes first. */
const NOTICES_MAX = 4;

/** What has just happened, for a corner of the page and for screen readers. */
export const notices = signal<readonly Notice[]>([]);
let lastId = 0;

export function tell(text: string): void {
  const id = add({ kind: 'good', text, help: '' });
  after(GOOD_FOR_MS, () => dismiss(id));
}

/** Errors stay until they are dismissed: nobody reads against the clock. */
export function tellError(failure: unknown): void {
  add({ kind: 'bad', ...errorText(failure) });
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((one) => one.id !== id);
}

export function errorText(failure: unknown): { text: string; help: string } {
  const m = messages.value.shell;
  if (!(failure instanceof ApiError)) return { text: m.unexpected, help: String(failure) };
  if (failure.status === 0) return { text: m.unreachable, help: '' };
  const told = sentence(failure.message);
  const known = messages.value.errors[failure.code as keyof Messages['errors']];
  if (known !== undefined) return { text: known, help: told };
  return { text: told || m.unexpected, help: sentence(failure.help) || failure.code };
}

function add(notice: Omit<Notice, 'id'>): number {
  lastId += 1;
  notices.value = [...notices.value, { id: lastId, ...notice }].slice(-NOTICES_MAX);
  return lastId;
}
