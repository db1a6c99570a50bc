/** A part of an installed agent, packed as `.tar.gz` on this host. */
export interface AgentPart {
  /** Version and the begin of a hash of what is in it: another content has another id. */
  readonly id: string;
  readonly archivePath: string;
  /** Of the archive, hex. */
  readonly sha256: string;
  readonly archiveBytes: number;
  readonly unpackedBytes: number;
}

/** What a machine needs to run the agent: the runtime, which seldom changes, and the agent, which is small. */
export interface AgentBuild {
  readonly runtime: AgentPart;
  readonly agent: AgentPart;
}
