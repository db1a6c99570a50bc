import type { AuditEntry } from '../access/audit/record.ts';
import type { Action } from '../access/rights/actions.ts';
import type { Resource } from '../access/rights/scope.ts';
import type { Call } from './caller.ts';
import type { ServiceParts } from './ports.ts';

export type Details = NonNullable<AuditEntry['details']>;

/** What answers a procedure of the API, and what is decided and recorded before. */
export interface Procedure {
  /**
   * What the request touches. Absent: the machine that the path names, the caller's own account, or nothing, as the reach of
   * the action asks for.
   */
  resources?(parts: ServiceParts, call: Call): Promise<readonly Resource[]> | readonly Resource[];
  /** Further actions that this request needs, each of them reaching everything. */
  also?(call: Call): readonly Action[];
  /** The resource as the audit record names it. Absent: the name or id in the path. */
  subject?(parts: ServiceParts, call: Call): string;
  /** What else the audit record tells before the work. No secrets. */
  details?(call: Call): Details;
  /** What it tells of the result. */
  outcome?(result: unknown): Details;
  /** A look that is recorded too. Changes always are. */
  readonly isRecorded?: true;
  /** What a call with a key has made that was cut off; null where it has made nothing. Absent: nobody can tell. */
  made?(parts: ServiceParts, call: Call): Promise<unknown>;
  act(parts: ServiceParts, call: Call): Promise<unknown>;
}
