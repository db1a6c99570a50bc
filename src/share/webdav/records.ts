import { CausewayError } from '../../base/errors.ts';
import type { RelPath } from '../../base/path.ts';
import type { HttpReply } from '../../world/http.ts';
import type { DavCall } from './context.ts';
import { DavFailure } from './failure.ts';

/** A change of files, as its record names it. */
export type ChangeName =
  | 'file.write'
  | 'file.create'
  | 'file.delete'
  | 'file.rename'
  | 'file.copy'
  | 'file.property';

/** A change that is asked for. */
export interface FileChange {
  readonly action: ChangeName;
  readonly path: RelPath;
  /** Where a copy or rename goes. */
  readonly to?: RelPath;
}

/** The record of a change that may begin now. */
export interface BegunChange {
  done(details: Readonly<Record<string, number | boolean>>): void;
  failed(failure: unknown): void;
}

/** Where what one client does with the files of one share is recorded. */
export interface FileRecords {
  /** Resolves once the record is durable: only then is anything changed. Throws where it cannot be written. */
  begin(change: FileChange): Promise<BegunChange>;
  /** Resolves once it is recorded that the file is read, so that a byte of it may be sent. Throws like `begin`. */
  read(path: RelPath): Promise<void>;
  /** Records that a change is not allowed; nobody waits for it. */
  refused(change: FileChange, failure: unknown): void;
}

const CREATED = 201;

/**
 * Does `work` between the record that it is asked for and the one of how it ended. Of a share that is read-only for the
 * client the refusal is recorded. `left` counts what could not be done of a whole folder or list of properties.
 */
export async function recorded(
  call: DavCall,
  change: FileChange,
  work: (watched: DavCall) => Promise<void>,
): Promise<void> {
  const { records, tree } = call.share;
  if (tree.caps.readOnly) {
    const failure = new CausewayError('CW_DISK_READ_ONLY', 'this tree is read-only');
    records.refused(change, failure);
    throw failure;
  }
  const begun = await records.begin(change);
  let left = 0;
  let hasEnded = false;
  const end = (status: number): void => {
    hasEnded = true;
    if (left > 0) begun.failed(new DavFailure(status, `${left} could not be changed`));
    else begun.done(status === CREATED ? { isNew: true } : {});
  };
  const leave = (count: number): void => {
    left += count;
  };
  try {
    // the answer begins after the change: what becomes of the answer changes nothing of it
    await work({ ...call, reply: watching(call.reply, end), leave });
    if (!hasEnded) end(CREATED);
  } catch (failure) {
    if (!hasEnded) begun.failed(failure);
    throw failure;
  }
}

function watching(reply: HttpReply, onBegin: (status: number) => void): HttpReply {
  return {
    get isBegun() {
      return reply.isBegun;
    },
    begin: (status, headers) => {
      onBegin(status);
      reply.begin(status, headers);
    },
    write: (bytes) => reply.write(bytes),
    end: (bytes) => reply.end(bytes),
    lend: () => reply.lend(),
    cut: () => reply.cut(),
  };
}
