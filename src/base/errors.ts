import { type ErrorSpec, type Next, spec } from './error_spec.ts';
import { SERVICE_ERRORS } from './service_errors.ts';

/** The one registry of error codes: each says what the caller may do next, and the exit code of the command line. */
export const ERROR_CODES = {
  // area: general
  CW_INTERNAL: spec(
    'never',
    1,
    'This is a bug in Causeway: report it with the output of the failed command.',
  ),
  CW_CANCELLED: spec('never', 130, 'The work was cancelled; run the same command again to resume it.'),
  CW_TIMEOUT: spec('retry', 1, 'The other side did not answer in time: see `causeway status`.'),
  CW_LIMIT: spec('never', 1, 'A documented limit was reached: see docs/limits.md.'),
  CW_USAGE: spec('never', 2, 'Run the command with --help to see its arguments and an example.'),
  CW_UNSUPPORTED: spec('never', 1, 'This platform or peer does not offer what the operation needs.'),
  // area: wire
  CW_WIRE_MAGIC: spec(
    'reconnect',
    1,
    'Something that is not Causeway answered: check the address or the channel.',
  ),
  CW_WIRE_VERSION: spec('never', 1, 'The two sides speak no common protocol version: update the older one.'),
  CW_WIRE_CRC: spec(
    'reconnect',
    1,
    'Bytes were damaged on the way; the link is set up again and the bytes are sent again.',
  ),
  CW_WIRE_TRUNCATED: spec(
    'reconnect',
    1,
    'The other side ended in the middle of a message; the link is set up again.',
  ),
  CW_WIRE_TOO_LARGE: spec(
    'reconnect',
    1,
    'The other side sent more than the protocol allows; the link is closed.',
  ),
  CW_WIRE_MALFORMED: spec(
    'reconnect',
    1,
    'The other side sent a message that the protocol does not know; the link is closed.',
  ),
  // area: link
  CW_LINK_CLOSED: spec('reconnect', 1, 'The link to the machine was closed; it is set up again by itself.'),
  CW_LINK_DEAD: spec(
    'reconnect',
    1,
    'The other side stopped answering: check that the machine runs and the agent is up.',
  ),
  CW_LINK_REFUSED: spec(
    'retry',
    1,
    'Nothing answers at that address: check that the agent runs and listens there.',
  ),
  CW_LINK_SESSION_LOST: spec(
    'reconnect',
    1,
    'The other side restarted; the work is resumed from what it has on disk.',
  ),
  CW_LINK_STREAM_RESET: spec('retry', 1, 'The other side ended this piece of work.'),
  CW_LINK_BUSY: spec('retry', 1, 'The channel is in use by another daemon: stop that one first.'),
  // area: pairing and identity
  CW_PAIR_TOKEN_MALFORMED: spec(
    'never',
    2,
    'The token is damaged: copy the whole line that the other side printed.',
  ),
  CW_PAIR_TOKEN_WRONG: spec('never', 4, 'The token was not issued by that machine: ask it for a new one.'),
  CW_PAIR_TOKEN_USED: spec('never', 4, 'A token works once: issue a new one on the other side.'),
  CW_PAIR_TOKEN_EXPIRED: spec('never', 4, 'A token lives for 15 minutes: issue a new one on the other side.'),
  CW_PAIR_REQUIRED: spec('never', 4, 'This machine is not paired: add it with a token from the other side.'),
  CW_PAIR_KEY_CHANGED: spec(
    'never',
    4,
    'The key of the other side is not the pinned one. If the machine was reinstalled, remove it with `causeway vm rm` and add it again; otherwise somebody is in between.',
  ),
  CW_PAIR_PROOF: spec(
    'never',
    4,
    'A change of key is taken only from its owner, over the link that the former key has made: nothing was changed. Look who else reaches that machine.',
  ),
  CW_PAIR_FIXED: spec(
    'never',
    4,
    'The key cannot be changed over this link, for the reason in the message: update the agent, or remove the machine and add it again.',
  ),
  CW_TLS_FAILED: spec(
    'reconnect',
    1,
    'The encrypted channel could not be set up: check that both sides run Causeway and that nothing else answers there.',
  ),
  // area: machines
  CW_VM_UNKNOWN: spec('never', 4, 'No machine has that name: see `causeway vm ls`.'),
  CW_VM_EXISTS: spec('never', 4, 'A machine with that name exists: choose another name or remove it first.'),
  CW_VM_OFFLINE: spec(
    'retry',
    1,
    'The machine is not connected: see `causeway vm show NAME` for the reason.',
  ),
  CW_PROGRAM_MISSING: spec(
    'never',
    4,
    'Install the program that the message names, or put it into the PATH of this command.',
  ),
  CW_SSH_AUTH: spec(
    'never',
    4,
    'The machine lets nobody in with these keys: try `ssh` by itself, load the key into ssh-agent, or name it with --identity.',
  ),
  CW_SSH_HOST_KEY: spec(
    'never',
    4,
    'The key of the machine is unknown to ssh, or another than before: connect once with `ssh` by itself, compare the key, and only then accept it.',
  ),
  CW_SSH_UNREACHABLE: spec('retry', 4, 'Nothing takes ssh there: check name, port and firewall with `ssh`.'),
  CW_SSH_FAILED: spec('retry', 1, 'The message has the last words of ssh, or of the machine.'),
  CW_LIBVIRT: spec('never', 1, 'The message has the words of virsh: try the same with `virsh` by itself.'),
  CW_LIBVIRT_DOWN: spec(
    'retry',
    4,
    'libvirt does not run here, or at another place: start libvirtd or virtqemud, or give --connect URI.',
  ),
  CW_LIBVIRT_DENIED: spec(
    'never',
    4,
    'This user may not use libvirt: run the command as root, or as a member of the group `libvirt`.',
  ),
  CW_LIBVIRT_DOMAIN: spec('never', 4, 'There is no such domain: `virsh list --all` has them all.'),
  CW_QMP: spec(
    'never',
    1,
    'Give the Unix socket of a QEMU that was started with `-qmp unix:PATH,server=on,wait=off`.',
  ),
  CW_AGENT_PLATFORM: spec(
    'never',
    4,
    'The agent sent from here runs on Linux with glibc 2.28 or newer, on the same processor as this host.',
  ),
  CW_AGENT_PLACE: spec(
    'never',
    4,
    'Make room there, or name a folder that can be written and run from with --agent-dir.',
  ),
  CW_AGENT_DAMAGED: spec('retry', 1, 'What arrived is not what was sent; nothing was installed. Try again.'),
  CW_AGENT_BUSY: spec(
    'retry',
    4,
    'Wait for its copies, or update with --now: copies then go on with the new agent.',
  ),
  CW_AGENT_ROLLED_BACK: spec(
    'never',
    1,
    'The machine has the agent that it had before: see the message for what was wrong with the new one.',
  ),
  CW_AGENT_FIXED: spec(
    'never',
    4,
    'This agent takes no build over its link, for the reason in the message: update it there, in the way it was installed.',
  ),
  CW_AGENT_OLDER: spec(
    'never',
    4,
    'The machine has a newer agent than this host: update the host, or say --allow-downgrade.',
  ),
  CW_AGENT_SIGNATURE: spec(
    'never',
    1,
    'The agent takes builds only from the host that it was paired with, signed with the key it pinned: look who else reaches that machine.',
  ),
  CW_AGENT_BUILD: spec(
    'never',
    1,
    'The agent cannot be built or found here: run `npm run build`, or install again.',
  ),
  CW_VM_NAME: spec('never', 2, 'A machine name has 1 to 63 letters, digits, dots or hyphens.'),
  // area: daemon
  CW_CONFIG: spec(
    'never',
    2,
    'Correct the settings that are named: docs/config.md lists them all, `causeway config check` looks again.',
  ),
  CW_DAEMON_DOWN: spec('retry', 1, 'The daemon does not run: start it with `causeway up`.'),
  CW_DAEMON_ANSWER: spec(
    'never',
    1,
    'Look what listens on that socket; where it is the daemon, start it again with the version of this command.',
  ),
  CW_DAEMON_RUNNING: spec('never', 4, 'A daemon runs on this data directory already: see `causeway status`.'),
  CW_DAEMON_STATE: spec(
    'fatal',
    1,
    'A file in the data directory is damaged: move it away or restore it from a backup.',
  ),
  CW_IDEMPOTENCY_BUSY: spec(
    'retry',
    1,
    'The same call is under way: ask again with the same Idempotency-Key in a moment.',
  ),
  CW_IDEMPOTENCY_REUSED: spec('never', 4, 'Use a new Idempotency-Key for each call that is not a repeat.'),
  CW_IDEMPOTENCY_UNSETTLED: spec(
    'never',
    4,
    'Look whether the change is there; if it is not, ask again with a new Idempotency-Key.',
  ),
  CW_JOB_STATE: spec(
    'never',
    4,
    'The job is in a state that does not allow this: see `causeway jobs show ID`.',
  ),
  CW_JOB_UNKNOWN: spec('never', 4, 'No job has that id: see `causeway jobs ls`.'),
  ...SERVICE_ERRORS,
  // area: disk
  CW_DISK_NOT_FOUND: spec('never', 1, 'The file or folder does not exist.'),
  CW_DISK_EXISTS: spec('never', 1, 'Something with that name exists already.'),
  CW_DISK_PERMISSION: spec(
    'never',
    1,
    'The user that runs Causeway there may not do this: change the permissions or run it as another user.',
  ),
  CW_DISK_READ_ONLY: spec('never', 1, 'The file system is mounted read-only.'),
  CW_DISK_FULL: spec(
    'retry',
    1,
    'The disk is full: free some space and run the same command again, it resumes.',
  ),
  CW_DISK_QUOTA: spec(
    'retry',
    1,
    'The quota is used up: raise it or free some space, then run the same command again.',
  ),
  CW_DISK_IO: spec('retry', 1, 'The device reported an error: check its health (dmesg, smartctl).'),
  CW_DISK_NOT_DIRECTORY: spec('never', 1, 'A part of the path is not a folder.'),
  CW_DISK_IS_DIRECTORY: spec('never', 1, 'The path is a folder where a file is needed.'),
  CW_DISK_NOT_EMPTY: spec('never', 1, 'The folder is not empty.'),
  CW_DISK_SYMLINK: spec('never', 1, 'The path crosses a symbolic link where none is followed.'),
  CW_DISK_CROSS_DEVICE: spec('never', 1, 'Source and target of a rename are on different file systems.'),
  CW_DISK_NAME: spec('never', 1, 'The name is not allowed there.'),
  CW_DISK_BUSY: spec(
    'retry',
    1,
    'Something else uses the file or folder: end that, then run the same command again.',
  ),
  CW_DISK_FILE_TOO_LARGE: spec(
    'never',
    1,
    'The file system cannot hold a file of that size: choose another place.',
  ),
  CW_DISK_TOO_MANY_OPEN: spec('retry', 1, 'Too many files are open: raise the limit (ulimit -n).'),
  // area: copy, refused before the first byte
  CW_COPY_SOURCE_MISSING: spec('never', 4, 'The source does not exist: check the path and the machine.'),
  CW_COPY_SOURCE_UNREADABLE: spec(
    'never',
    4,
    'The source cannot be read by the user that runs Causeway there.',
  ),
  CW_COPY_DEST_MISSING: spec(
    'never',
    4,
    'The folder that should take the copy does not exist: create it first.',
  ),
  CW_COPY_DEST_READ_ONLY: spec(
    'never',
    4,
    'The destination cannot be written: choose another place or change its permissions.',
  ),
  CW_COPY_NO_SPACE: spec(
    'never',
    4,
    'The destination has too little free space: free some or choose another place.',
  ),
  CW_COPY_NAME_ILLEGAL: spec('never', 4, 'The destination cannot hold such a name: rename it at the source.'),
  CW_COPY_LINK_DEST: spec(
    'never',
    4,
    'Name a folder with an earlier copy, beside the destination and on its file system.',
  ),
  CW_COPY_NOT_DIRECT: spec(
    'never',
    4,
    'Copy without `--direct always`: then what cannot be copied directly goes over the link.',
  ),
  CW_COPY_CLASH: spec(
    'never',
    4,
    'Names are illegal or the same at the destination: rename them at the source, or use `cp --on-clash rename` or `skip`.',
  ),
  CW_COPY_TOO_LARGE: spec('never', 4, 'The destination cannot hold a file of that size.'),
  CW_COPY_SAME_SIDE: spec(
    'never',
    2,
    'The two sides of a copy are the host (a path) and a machine (NAME:PATH), or two machines.',
  ),
  CW_COPY_BUSY: spec('retry', 4, 'The same copy runs already: see `causeway jobs ls`.'),
  CW_COPY_KIND: spec(
    'never',
    4,
    'A folder and a file stand under the same name on the two sides: rename one of them.',
  ),
  // area: copy, while it runs
  CW_COPY_SOURCE_CHANGED: spec(
    'retry',
    1,
    'The source changed while it was read: stop what writes to it, or copy a snapshot.',
  ),
  CW_COPY_VERIFY: spec(
    'retry',
    5,
    'What was written does not match what was read, repeatedly: check memory and disk of the machine named.',
  ),
  CW_COPY_METADATA: spec(
    'never',
    3,
    'The entry was copied, but not all that belongs to it: the message names what and why.',
  ),
  CW_COPY_NOT_DELETED: spec(
    'never',
    3,
    'What the source does not have is still at the destination: make the source readable, or delete it there.',
  ),
  CW_COPY_PARTIAL: spec('never', 3, 'Some entries could not be copied: they are listed with the reason.'),
  CW_COPY_STALLED: spec(
    'retry',
    1,
    'No stage has moved a byte: the report names the stage and the probable cause.',
  ),
  CW_COPY_JOURNAL: spec(
    'retry',
    1,
    'The record of an earlier attempt was damaged; what it covered is checked or sent again.',
  ),
  CW_COPY_PEER: spec('retry', 1, 'The other side reported a failure of the copy.'),
  // area: undo of copies
  CW_UNDO_CHANGED: spec(
    'never',
    3,
    'What stands there is not what the copy put there: look at it, move it away and undo again.',
  ),
  CW_UNDO_IMPOSSIBLE: spec(
    'never',
    4,
    'What would be replaced cannot be kept: free space or choose `--undo auto` or `--undo off`.',
  ),
  CW_UNDO_LOST: spec(
    'never',
    1,
    'What stood there before was not kept, or is gone from the `.causeway/undo` folder of the destination.',
  ),
  CW_UNDO_NONE: spec(
    'never',
    4,
    'Nothing is kept of that copy: it changed nothing, was undone, ran without undo, or is too long ago.',
  ),
} as const satisfies Record<string, ErrorSpec>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** What crosses a process boundary of an error. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly help: string;
}

/** Every failure a user can meet. `message` says in a sentence what happened and to what. */
export class CausewayError extends Error {
  override readonly name = 'CausewayError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get next(): Next {
    return ERROR_CODES[this.code].next;
  }

  get help(): string {
    return ERROR_CODES[this.code].help;
  }

  get exit(): number {
    return ERROR_CODES[this.code].exit;
  }

  report(): ErrorReport {
    return { code: this.code, message: this.message, help: this.help };
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}

/** Turns anything that was thrown into a {@link CausewayError}; an unknown one becomes CW_INTERNAL. */
export function asCausewayError(thrown: unknown): CausewayError {
  if (thrown instanceof CausewayError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new CausewayError('CW_INTERNAL', message, { cause: thrown });
}

/** Rebuilds an error that another process reported; an unknown code becomes CW_COPY_PEER. */
export function fromReport(report: { code: string; message: string }): CausewayError {
  return new CausewayError(isErrorCode(report.code) ? report.code : 'CW_COPY_PEER', report.message);
}
