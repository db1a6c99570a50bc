import type { CausewayError } from '../base/errors.ts';

/** A folder that appears on this machine, and is served from elsewhere. */
export interface KernelMountOptions {
  /** Absolute path of a folder. */
  readonly mountpoint: string;
  /** What the table of mounts shows as the source. */
  readonly source: string;
  readonly readOnly: boolean;
  readonly allowOther: boolean;
  /** Where the folder does not exist, it is made. */
  readonly makes: boolean;
}

/** Memory that is somebody else's again once it was released. */
export type TakeBytes = (bytes: Uint8Array, release: () => void) => void;

/** One mount of this machine: the requests of its kernel, and where they are answered. */
export interface KernelMount {
  readonly mountpoint: string;
  /** Of the folder that is hidden below it. */
  readonly owner: Owner;
  /** From now on gets one or more whole requests at a time, in the kernel's order. */
  start(take: TakeBytes): void;
  /** One whole answer, in one or more parts, which are the caller's again. That nobody waits for it any more is no failure. */
  answer(...parts: readonly Uint8Array[]): void;
  /**
   * Tells the kernel something of which it may have to wait for itself. A wish, that may be passed over where many wait; with
   * `done` it comes before those, and `done` is called once the kernel knows, or cannot be told.
   */
  notify(bytes: Uint8Array, done?: () => void): void;
  /**
   * Lets the kernel read so far ahead in files that are read in order, once it has been answered how it may. A wish: only root
   * may have it, others keep the usual 128 KiB.
   */
  readAhead(sizeBytes: number): void;
  /** When it is over, unmounted by whomever: null, or why. */
  readonly ended: Promise<CausewayError | null>;
  /** Unmounts, from under programs that use it too. */
  close(): Promise<void>;
}

export interface Owner {
  readonly userId: number;
  readonly groupId: number;
}

/** A thread's part in the account of a folder whose files may have so many bytes together. */
export interface QuotaSeat {
  /** The sums, and whose turn it is. */
  readonly account: SharedArrayBuffer;
  /** What of the sums belongs to files without a name that this thread has open: of owner 0, 1, …. */
  readonly held: SharedArrayBuffer;
  /** Marks of files whose owners have a limit of their own: of owner 1, 2, …. */
  readonly owners: readonly string[];
  /** Whose a file without a mark is. */
  readonly unmarked: number;
  /** Different of each thread. */
  readonly number: number;
}

/** What is done in a folder, as its record names it. */
export interface FolderDeed {
  readonly action:
    | 'file.read'
    | 'file.write'
    | 'file.create'
    | 'file.delete'
    | 'file.rename'
    | 'file.property';
  /** In the folder, with `/` between names. */
  readonly path: string;
  /** Where a rename goes. */
  readonly to?: string;
  /** Of the kernel that asks. */
  readonly userId: number;
  readonly processId: number;
}

/** What a thread that serves a folder has recorded: `begin` waits for an answer, and `end` follows it. */
export type ToldDeed =
  | { readonly kind: 'begin' | 'done'; readonly deed: FolderDeed }
  | { readonly kind: 'end' | 'refused'; readonly deed: FolderDeed; readonly error: number };

/** How such a thread and the one that writes records agree. */
export interface RecordSeat {
  /** Nothing is done before its record is durable. */
  readonly isStrict: boolean;
  readonly words: SharedArrayBuffer;
}

/** A folder of this machine that is served to another one. */
export interface FolderServerOptions {
  /** Absolute path. */
  readonly folder: string;
  readonly readOnly: boolean;
  /** Shown as the owner of everything. Null: numbers of users and groups are passed on as they are. */
  readonly shownOwner: Owner | null;
  /** As whom everything is done, where this process is root; null: as this process. */
  readonly actAs: Owner | null;
  /** Where ids of files begin: another place for each server. */
  readonly idBase: number;
  /** How long the other kernel may believe names and attributes. */
  readonly cacheMs: number;
  /** Null: there is no quota. */
  readonly quota: QuotaSeat | null;
  /** It is told what others change, and may believe for longer what it would be told of. */
  readonly tells: boolean;
  /** Null: nothing is recorded. */
  readonly records: RecordSeat | null;
}

/** What answers the requests of another machine's kernel, in a thread of its own. */
export interface FolderServer {
  /** From now on gets one or more whole answers at a time. */
  start(take: TakeBytes): void;
  /** One or more whole requests; the bytes are the caller's again once it has resolved. */
  serve(bytes: Uint8Array): Promise<void>;
  readonly ended: Promise<CausewayError | null>;
  close(): Promise<void>;
}

/** A folder of this machine that appears at another place of it, with a quota, to programs of all users. */
export interface ShownFolderOptions {
  /** Absolute path. */
  readonly folder: string;
  /** Absolute path of what is made for it, and taken away after it. */
  readonly place: string;
  readonly readOnly: boolean;
  readonly quota: QuotaSeat | null;
  readonly records: RecordSeat | null;
}

export interface ShownFolder {
  /** When it is over, unmounted by whomever: null, or why. */
  readonly ended: Promise<CausewayError | null>;
  /** From under programs that use it too. */
  close(): Promise<void>;
}

/** CW_DISK_NOT_FOUND, CW_DISK_PERMISSION, CW_USAGE, CW_UNSUPPORTED. */
export type ShowFolder = (
  options: ShownFolderOptions,
  tell: (told: ToldDeed) => void,
) => Promise<ShownFolder>;

/** What this machine offers to mounts that reach another one. */
export interface Mounts {
  /** CW_DISK_NOT_FOUND, CW_DISK_NOT_DIRECTORY, CW_DISK_PERMISSION, CW_UNSUPPORTED. */
  mount(options: KernelMountOptions): Promise<KernelMount>;
  /** CW_DISK_*, CW_UNSUPPORTED. */
  serve(options: FolderServerOptions, tell?: (told: ToldDeed) => void): Promise<FolderServer>;
}
