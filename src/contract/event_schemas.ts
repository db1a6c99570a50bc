import { type Static, Type } from 'typebox';
import { JobView, VmView } from './schemas.ts';

/** Of GET `/v1/events`: what comes after this event. The header Last-Event-ID, which browsers send by themselves, says the same. */
export const EventsRequest = Type.Object(
  { since: Type.Optional(Type.Integer({ minimum: 0 })) },
  { additionalProperties: false },
);
export type EventsRequest = Static<typeof EventsRequest>;

/**
 * What the data of the events are, by the event's name. An event stands for the newest state: of many changes of one job
 * only the last may be told.
 */
export const EVENT_DATA = {
  /** First of all, and after a gap: `index` is the newest event. With `overflow` events are missing: read everything again. */
  hello: Type.Object({ index: Type.Integer(), overflow: Type.Boolean() }),
  job: JobView,
  vm: VmView,
  'vm-removed': Type.Object({ name: Type.String() }),
  /** Users, tokens or rights have changed. */
  users: Type.Object({}),
  /** A new audit record. */
  audit: Type.Object({ sequence: Type.Integer() }),
} as const;
export type EventKind = keyof typeof EVENT_DATA;
