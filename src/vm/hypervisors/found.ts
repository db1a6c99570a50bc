/** A virtio-serial port between a virtual machine and this host. */
export interface FoundChannel {
  /** As the machine sees it: `/dev/virtio-ports/NAME`. */
  readonly name: string;
  /** Unix socket of this host; null where it is none, or has no path while the machine is off. */
  readonly path: string | null;
}

/** A virtual machine of this host. */
export interface FoundMachine {
  readonly foundBy: 'libvirt' | 'qemu';
  readonly name: string;
  readonly uuid: string | null;
  readonly state: 'running' | 'paused' | 'off' | 'unknown';
  readonly channels: readonly FoundChannel[];
}

/** The name of the port that the agent serves. */
export const CHANNEL_NAME = 'org.causeway.0';

/** The channel that is for this program. */
export function ownChannel({ channels }: Pick<FoundMachine, 'channels'>): FoundChannel | null {
  return channels.find(({ name }) => /^org\.causeway(\.|$)/.test(name)) ?? null;
}
