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

/** A message with what gives its memory back, once nobody reads it any more. */
export interface Parcel {
  readonly parts: readonly Uint8Array[];
  release(): void;
}

/** A connection that a thread serves beside the link: whole messages in order, until it is lost. */
export interface DetourPipe {
  /** With how many messages have come whole; without parts it says only that. The memory must stay until the other end has it. */
  send(received: number, parts: readonly Uint8Array[]): void;
  close(): void;
}

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

/** How a thread that serves a folder sees, without asking, whether leases are in its way. */
export interface LeaseSeat {
  readonly words: SharedArrayBuffer;
  /** Its mount may have leases. */
  readonly gives: boolean;
}

/** What such a thread says to whoever keeps the leases of all of them; files by what tells them apart on this machine. */
export type LeaseTold =
  /** Wishes for a lease. `ownWriters`: how many of those who write files of that slot are its own. */
  | {
      readonly kind: 'ask';
      readonly question: number;
      readonly file: string;
      readonly kinds: number;
      readonly ownWriters: number;
    }
  /** Something waits until nobody else has leases on these files; null: on any. */
  | {
      readonly kind: 'claim';
      readonly claim: number;
      readonly files: readonly string[] | null;
      readonly isWrite: boolean;
    }
  /** It was done. */
  | { readonly kind: 'settled'; readonly claim: number }
  /** The mount keeps no more than that of a lease. */
  | { readonly kind: 'kept'; readonly file: string; readonly epoch: number; readonly kinds: number }
  /** Somebody else has changed the file, who waits for nobody. */
  | { readonly kind: 'changed'; readonly file: string }
  /** The mount has no leases any more. */
  | { readonly kind: 'forgotten' };

/** What it is told. */
export type LeaseOrder =
  | { readonly kind: 'given'; readonly question: number; readonly kinds: number; readonly epoch: number }
  | { readonly kind: 'go'; readonly claim: number }
  /** The mount is to keep no more than that. */
  | { readonly kind: 'break'; readonly file: string; readonly epoch: number; readonly kinds: number }
  /** It did not answer in time. */
  | { readonly kind: 'fenced'; readonly file: string; readonly epoch: number };

/** A folder of this machine that is served to another one. */
/** What changes of a folder overwrite is kept, so that it can be returned to an earlier state. */
export interface RollbackSeat {
  /** Of the share: others of the same folder have their own. */
  readonly share: string;
  /** What the changes come from, as people call it. */
  readonly from: string;
  readonly keptMs: number;
  readonly maxBytes: number;
  /** Before anything is served the folder is returned to what it was before that batch. */
  readonly to?: number;
}

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
  /** It takes what is known of a folder beside the answer to what has changed it. */
  readonly tellsFolders: boolean;
  /** Null: nothing is recorded. */
  readonly records: RecordSeat | null;
  /** Null: nobody has leases. */
  readonly leases: LeaseSeat | null;
  /** Absent: what is overwritten is gone. */
  readonly rollback?: RollbackSeat;
}

/** The end of a connection, as a thread takes it over: from `LaneThreads.pipe`. */
export type PipeEnd = object;

/** To the thread that answers the kernel of a mount. */
export type FrontOrder =
  /** A stream begins; what is said of an earlier one is out of date. `ready` is what the other side has said first. */
  | { readonly kind: 'begin'; readonly stream: number; readonly ready: FrontReady }
  /** A message of the stream. */
  | { readonly kind: 'message'; readonly bytes: Uint8Array }
  | { readonly kind: 'over' }
  | { readonly kind: 'stalled'; readonly isStalled: boolean }
  | { readonly kind: 'pipe'; readonly pipe: PipeEnd }
  /** The kernel knows what it was to be told. */
  | { readonly kind: 'told'; readonly notice: number }
  /** What its cache may have in memory, and how scarce that is: 0 where there is some to spare, 1 where there is none. */
  | { readonly kind: 'memory'; readonly limitBytes: number; readonly pressure: number }
  /** What becomes of writes from now on, and of what is read in order. */
  | { readonly kind: 'rule'; readonly rule: FrontRule }
  /** What its cache came to is to be said. */
  | { readonly kind: 'figures'; readonly question: number }
  /** What is on its way comes to its end, then it asks to be unmounted. */
  | { readonly kind: 'close' };

export interface FrontReady {
  readonly isKept: boolean;
  readonly wallMs?: number;
  readonly tells?: boolean;
  readonly leases?: boolean;
}

/** What the thread keeps of what is read. */
export interface FrontCache {
  /** Where on the disk, and with which key: the folder, the name of its own one in it, sizes in bytes. */
  readonly place: {
    readonly folder: string;
    readonly name: string;
    readonly key: Uint8Array;
    readonly capacityBytes: number;
    readonly reserveBytes: number;
    readonly blockBytes: number;
  };
  /** The kernel may keep what it has read of a file that is unchanged at the next open. */
  readonly keepsPages: boolean;
  /** In memory, beside the disk. */
  readonly memoryBytes: number;
  readonly rule?: FrontRule;
}

/** See far_rule.ts. */
export interface FrontRule {
  readonly isAround: boolean;
  readonly isReadOnly: boolean;
  readonly cutoffBytes: number;
}

/** From it. */
export type FrontWord =
  /** Of the protocol of this kernel. */
  | { readonly kind: 'minor'; readonly minor: number }
  /** To be sent over that stream. */
  | { readonly kind: 'send'; readonly stream: number; readonly bytes: Uint8Array }
  /** The answer to that question. */
  | { readonly kind: 'figures'; readonly question: number; readonly figures: object }
  /** A connection of its own may be sought for that stream. */
  | { readonly kind: 'settled'; readonly stream: number }
  /** The other side says what it must not. */
  | { readonly kind: 'broken'; readonly stream: number; readonly code: string; readonly message: string };

/** One mount of this machine whose kernel a thread answers by itself, over a stream or a connection beside it. */
export interface MountFront {
  readonly mountpoint: string;
  readonly owner: Owner;
  /** When it is over, unmounted by whomever: null, or why. */
  readonly ended: Promise<CausewayError | null>;
  start(hear: (word: FrontWord) => void): void;
  order(order: FrontOrder): void;
  /** Unmounts, from under programs that use it too, once what is on its way has come to its end or its time is over. */
  close(): Promise<void>;
}

export interface MountFrontOptions extends KernelMountOptions {
  /** Access lists name the same users on both sides. */
  readonly hasAcls: boolean;
  /** Null: nothing is kept. */
  readonly cache: FrontCache | null;
}

/** What answers the requests of another machine's kernel, in a thread of its own. */
export interface FolderServer {
  /** From now on gets one or more whole answers at a time: those of a new stream. */
  start(take: TakeBytes): void;
  /** Has the thread serve a connection beside the stream; absent where it cannot. */
  adopt?(pipe: PipeEnd): void;
  /** One or more whole requests; the bytes are the caller's again once it has resolved. */
  serve(bytes: Uint8Array): Promise<void>;
  /** From now on gets what it says of leases. */
  onLease(take: (told: LeaseTold) => void): void;
  lease(order: LeaseOrder): void;
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
  /** The same with a thread that answers; absent where that cannot be had. */
  front?(options: MountFrontOptions): Promise<MountFront>;
  /** CW_DISK_*, CW_UNSUPPORTED. */
  serve(options: FolderServerOptions, tell?: (told: ToldDeed) => void): Promise<FolderServer>;
}
