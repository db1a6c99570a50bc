import { type Static, Type } from 'typebox';
import { LIMITS } from '../base/limits.ts';
import { VmName } from './schemas.ts';

/* Files that a browser or a program sends to the daemon, to be copied into machines. */

const Strict = { additionalProperties: false } as const;

const PATHS_MAX = 1_000;
/** 9999-12-31. */
const LAST_MS = 253_402_300_799_999;
const Path = Type.String({ minLength: 1, maxLength: 4_096 });

/** What is going to be sent, and where its copy goes: nothing else can be copied from it. */
export const CreateUploadRequest = Type.Object(
  {
    /** The machines that the copy goes to: starting one there is the right that is needed. */
    vms: Type.Array(VmName, { minItems: 1, maxItems: 64, uniqueItems: true }),
    destination: Path,
    /** How many files are going to come, and their bytes together. */
    files: Type.Integer({ minimum: 0, maximum: LIMITS.uploadFilesMax.value }),
    bytes: Type.Integer({ minimum: 0, maximum: LIMITS.uploadMaxBytes.value }),
  },
  Strict,
);
export type CreateUploadRequest = Static<typeof CreateUploadRequest>;

export const AddUploadFoldersRequest = Type.Object(
  {
    /** Below the top of the upload, `a/b`; those of files need not be told. */
    paths: Type.Array(Path, { minItems: 1, maxItems: PATHS_MAX }),
  },
  Strict,
);
export type AddUploadFoldersRequest = Static<typeof AddUploadFoldersRequest>;

/** The query with which one file is sent. */
export const UploadFileRequest = Type.Object(
  {
    /** Below the top of the upload, `a/b.txt`: no `.` or `..`, nothing empty. */
    path: Path,
    /** When its content was changed last. */
    mtimeMs: Type.Optional(Type.Integer({ minimum: 0, maximum: LAST_MS })),
  },
  Strict,
);
export type UploadFileRequest = Static<typeof UploadFileRequest>;

export const UploadView = Type.Object({
  id: Type.String(),
  /** What was announced. */
  files: Type.Integer(),
  bytes: Type.Number(),
  /** What is there in whole. */
  receivedFiles: Type.Integer(),
  receivedBytes: Type.Number(),
});
export type UploadView = Static<typeof UploadView>;
