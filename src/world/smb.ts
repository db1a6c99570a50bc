/** Files that a Samba server of its own works from, complete. */
export interface SmbFiles {
  /** smb.conf(5). */
  readonly config: string;
  /** Its users, as lines of passwd(5) and group(5): they are no users of this machine. */
  readonly passwd: string;
  readonly group: string;
  /** A link to each shared folder, by the name of its share. */
  readonly folders: readonly { readonly name: string; readonly path: string }[];
}

/** Where a server keeps what is its own, and where it listens. */
export interface SmbPlace {
  /** Absolute path of a folder that is its alone; made where it is missing. */
  readonly directory: string;
  /** An IP address. */
  readonly host: string;
  readonly port: number;
}

/** A Samba server that runs as a child of this process, and dies with it. */
export interface SmbServer {
  /** What it said last, when it has ended, however that came. */
  readonly ended: Promise<string>;
  /** Takes effect for clients that are there, too: a share that is gone, or another, is closed to them. */
  apply(files: SmbFiles, closeShares: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** A file below the server's folder to which it writes, removed before it starts. */
export interface SmbLog {
  readonly path: string;
  /** The memory is the taker's. */
  readonly take: (bytes: Uint8Array) => void;
}

export interface SmbPrograms {
  /** Address of the client that a process of a server serves; null where that is not known, or no more. */
  clientOf(processId: number): string | null;
  /** Why no server can run here, in a sentence; null where one can. */
  missing(): string | null;
  /** A free port: the one that is wished for, or with 0 any. CW_LINK_BUSY, CW_LINK_REFUSED. */
  freePort(host: string, port: number): Promise<number>;
  /** Resolves once it accepts connections; what it writes to `log` is taken as it comes. CW_SHARE_SMB. */
  start(place: SmbPlace, files: SmbFiles, log: SmbLog): Promise<SmbServer>;
  /** Sets the password of a user that stands in `files`, whether the server runs or not; null removes the user. CW_SHARE_SMB. */
  setPassword(
    place: SmbPlace,
    files: SmbFiles,
    user: { readonly name: string; readonly password: string | null },
  ): Promise<void>;
}
