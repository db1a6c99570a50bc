import type { Static, TSchema } from 'typebox';

/** How the text of a flag, of a variable or of `causeway config set` becomes a value. */
export type TextForm = 'text' | 'number' | 'size' | 'level' | 'list';

/** When a change counts: for what is asked from then on, or when the daemon starts again. */
export type Applies = 'at once' | 'next start';

/** One setting of the daemon. */
export interface Setting<S extends TSchema = TSchema> {
  readonly schema: S;
  readonly default: Static<S>;
  readonly form: TextForm;
  /** What it takes, for people: after "a value is needed:". */
  readonly takes: string;
  readonly why: string;
  readonly applies: Applies;
  /** The flag of `causeway up` that sets it, with its dashes; null where there is none. */
  readonly flag: string | null;
}

/** Makes an entry of the table; `flag` is null unless given. */
export function setting<S extends TSchema>(
  schema: S,
  spec: Omit<Setting<S>, 'schema' | 'flag'> & { readonly flag?: string },
): Setting<S> {
  return { flag: null, ...spec, schema };
}
