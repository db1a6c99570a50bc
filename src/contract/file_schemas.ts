import { type Static, Type } from 'typebox';

const Strict = { additionalProperties: false } as const;
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Union([schema, Type.Null()]);

export const ListFilesRequest = Type.Object(
  {
    /** A folder of the host or the machine, absolute, without `..`. Absent: where to begin, as far as the caller's rights reach. */
    path: Type.Optional(Type.String({ minLength: 1, maxLength: 4_096 })),
    /** Names that begin with a dot too. */
    hidden: Type.Optional(Type.Boolean()),
    /** Default 200. */
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
    /** `nextCursor` of the page before. */
    cursor: Type.Optional(Type.String({ maxLength: 300 })),
  },
  Strict,
);
export type ListFilesRequest = Static<typeof ListFilesRequest>;

export const FileEntryView = Type.Object({
  name: Type.String(),
  /** What a copy is asked for with. */
  path: Type.String(),
  /** Of a symbolic link what it leads to. */
  kind: Type.Union([Type.Literal('folder'), Type.Literal('file'), Type.Literal('other')]),
  isLink: Type.Boolean(),
  /** Null of all but files. */
  sizeBytes: Nullable(Type.Number()),
  mtimeMs: Nullable(Type.Number()),
});
export type FileEntryView = Static<typeof FileEntryView>;

export const FilePageView = Type.Object({
  /** Null for the places to begin at. */
  path: Nullable(Type.String()),
  /** Folders first, by name. Links that lead out of what the caller may reach are left out, and those that lead nowhere. */
  entries: Type.Array(FileEntryView),
  nextCursor: Nullable(Type.String()),
  /** The folder holds more than is looked at. */
  isCut: Type.Boolean(),
});
export type FilePageView = Static<typeof FilePageView>;
