import type { Dir } from './disk.ts';

/** What one process tells of itself, so that another one can prove that both run on one machine. */
export interface MachineProof {
  readonly processId: number;
  /** Descriptor of memory that holds the BLAKE3 of `secret`, the numbers of the folders, and what the proof is about. */
  readonly secretFd: number;
  readonly secret: Uint8Array;
  /** Descriptors of open folders. */
  readonly folderFds: readonly number[];
}

/** A proof that holds until it is disposed of. */
export interface ShownProof extends Disposable {
  readonly proof: MachineProof;
}

/** What came of looking for another process: its folders, open here too; or why not. */
export type Meeting =
  | { readonly kind: 'met'; readonly folders: readonly Dir[] }
  | { readonly kind: 'not'; readonly why: string };

/** Finds out whether another process of this program runs under the same kernel and may read exactly what this one may. */
export interface SameMachine {
  /**
   * Lends `folders`, which have to stay open, to whoever finds this process and knows what the proof is `about`. Null where the
   * system cannot.
   */
  show(folders: readonly Dir[], about: Uint8Array): ShownProof | null;
  /**
   * Looks for the process with the proof. The secret is a fresh one, which only a process of this very kernel can be seen to
   * hold: a machine that is a copy of this one, with the same disks, numbers and names, is not taken for it. The folders are
   * opened through the other process, so that they are those that it has open, whatever their paths are here. The caller
   * closes them. A proof for other folders, or about something else, is none: who was told one cannot use it for more.
   */
  meet(proof: MachineProof, about: Uint8Array): Promise<Meeting>;
}

export const PROOF_SECRET_BYTES = 32;
