import type { NotifyEventName } from '../../contract/notify_schemas.ts';

/** What has happened, as receivers get it. */
export interface Notification {
  /** The same for each attempt to deliver it, and for each receiver. */
  readonly id: string;
  readonly event: NotifyEventName | 'test';
  /** What an earlier notification told of is over. */
  readonly recovered: boolean;
  readonly atMs: number;
  /** The machine that the daemon runs on. */
  readonly host: string;
  /** One sentence for people. */
  readonly text: string;
  /** The machine and the copy that it is about, where it is about one. */
  readonly vm: string | null;
  readonly job: string | null;
  readonly code: string | null;
}

/** What {@link Notification} says beside when and where. */
export type Happening = Pick<Notification, 'event' | 'text'> &
  Partial<Pick<Notification, 'recovered' | 'vm' | 'job' | 'code'>>;
