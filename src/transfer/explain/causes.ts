/** Why a copy is slow or stands still. */
export const CAUSES = [
  'machine-paused',
  'agent-down',
  'peer-stopped',
  'link-cut',
  'memory-pressure',
  'source-frozen',
  'destination-frozen',
  'peer-silent',
  'link-stuck',
  'disk-full',
  'disk-filling',
  'rate-limit',
  'cpu-contended',
  'cpu-full',
  'hash-bound',
  'compress-bound',
  'decompress-bound',
  'encrypt-bound',
  'source-slow',
  'destination-read-slow',
  'destination-slow',
  'flush-slow',
  'verify-slow',
  'publish-slow',
  'link-lossy',
  'window-clamped',
  'link-slow',
] as const;

export type CauseId = (typeof CAUSES)[number];

/** In words; what stands in braces is filled with figures. */
export interface CauseText {
  /** When it is the answer. */
  readonly when: string;
  readonly cause: string;
  readonly evidence: string;
  /** The one thing to do first. */
  readonly fix: string;
}

/** English. Another language is another table of the same keys. */
export const CAUSE_TEXTS: Readonly<Record<CauseId, CauseText>> = {
  'machine-paused': {
    when: 'The link is down, and the hypervisor says that the machine is paused, or its port is there and nothing answers behind it.',
    cause: 'the link is down: {error}; the machine is paused, or its agent does not run',
    evidence: 'nothing was heard for {silent}; the channel on the {local} is open',
    fix: 'resume the machine (virsh resume, or the hypervisor’s console); if it runs, start the agent in it',
  },
  'agent-down': {
    when: 'The link is down, and the machine answers that nobody listens.',
    cause: 'the link is down: {error}; the machine runs, its agent does not',
    evidence: 'nothing was heard for {silent}; the machine itself refuses the connection',
    fix: 'start the agent in the machine: causeway-agent run; the copy goes on by itself',
  },
  'peer-stopped': {
    when: 'The link is down, a new connection is taken, and the agent says nothing on it.',
    cause:
      'the link is down: {error}; the machine takes connections but its agent is silent: the agent is stopped, or something in between holds everything back',
    evidence: 'nothing was heard for {silent}; a new connection was accepted and not answered',
    fix: 'look at the agent in the machine: continue it (kill -CONT) where it is stopped (state T in ps), else restart it',
  },
  'link-cut': {
    when: 'The link is down, and nothing of the machine answers, or what answers cuts the connection.',
    cause: 'the link is down: {error}; the network in between is cut, or the machine is paused or off',
    evidence: 'nothing was heard for {silent}; {reached}',
    fix: 'ping the machine from the host: if it does not answer, look at its network and whether it runs; the copy goes on by itself',
  },
  'memory-pressure': {
    when: 'Processes of one side wait for memory a fifth of the time or more.',
    cause: 'the {side} is short of memory: its processes wait for pages to be freed or read back',
    evidence: 'something waited for memory {memory} of the last {window}; {stage} busy {busy}',
    fix: 'give the {side} more memory or stop what uses it there (ps --sort=-rss)',
  },
  'source-frozen': {
    when: 'No byte has moved for 10 s, and a read of the source has lasted for most of it.',
    cause: '{stage} on the {side}: a read of the source does not return since {active}',
    evidence: 'no byte for {quiet}; {stuck}',
    fix: 'look at the disk that holds the source (dmesg, iostat); a network share there may be gone',
  },
  'destination-frozen': {
    when: 'No byte has moved for 10 s, and a write, flush, read or rename at the destination has lasted for most of it.',
    cause: '{stage} on the {side}: {operation} does not return since {active}',
    evidence: 'no byte for {quiet}; {stuck}',
    fix: 'look at the disk that holds the destination (dmesg, iostat); the file system may be frozen (fsfreeze -u thaws it) or its writeback blocked',
  },
  'peer-silent': {
    when: 'No byte has moved for 10 s, the link is up, and the copy’s other side has said nothing for some seconds.',
    cause: 'the other side has said nothing for {silent} although the link to it is up',
    evidence: 'no byte for {quiet}; the link answers its heartbeats',
    fix: 'look at the load of the {side} (top): the agent there gets no time to answer',
  },
  'link-stuck': {
    when: 'No byte has moved for 10 s, both sides answer, and none of their disks holds anything up.',
    cause: 'bytes are given to the link and do not arrive',
    evidence: 'no byte for {quiet}; both sides answer',
    fix: 'look at the channel between the two sides: window, loss, a proxy or firewall in between',
  },
  'disk-full': {
    when: 'The copy has failed because the destination has no room.',
    cause: 'the destination is full',
    evidence: '{free} free where the copy goes, {left} left to write',
    fix: 'make room at the destination (df, du), or copy to another place; the same command goes on where it stopped',
  },
  'disk-filling': {
    when: 'The destination has less free space than is left to write.',
    cause: 'the destination will be full before the copy is: something else uses the space up',
    evidence: '{free} free where the copy goes, {left} left to write',
    fix: 'make room at the destination now (df, du): the copy does not have to stop for it',
  },
  'rate-limit': {
    when: 'The sender waits for the rate that was asked for, half of the time or more.',
    cause: 'the copy is as fast as its limit allows',
    evidence: 'waits for the limit {busy} of the last {window}; {rate}',
    fix: 'raise or drop --limit, of `causeway cp` or of `causeway up`; beside other copies, raise the --weight',
  },
  'cpu-contended': {
    when: 'Hashing or the link’s thread is at work, gets much less processor time than it wants, and the machine says that processes wait for processors.',
    cause: 'other work on the {side} takes the processors that the copy needs',
    evidence:
      'something waited for a processor {cpu} of the last {window}; the copy got {got} of the {wanted} that it wanted',
    fix: 'stop or slow the other work on the {side} (top), or give it more processors',
  },
  'cpu-full': {
    when: 'Reading or writing is busy for longer than any other stage, and its threads wait for a processor for half of that.',
    cause: 'the processors of the {side} are all in use: {stage} waits for them, not for the disk',
    evidence:
      'threads of the copy waited for a processor {queued} of the last {window}; {stage} busy {busy}; disk pressure {io}',
    fix: 'stop or slow other work on the {side} (top), or give it more processors',
  },
  'hash-bound': {
    when: 'Hashing is busy for longer than any other stage.',
    cause: 'hashing takes longest: the {side} computes checksums as fast as it can',
    evidence: 'hash busy {busy} of the last {window}; {rate}',
    fix: 'give the {side} more or faster processors; see that the agent there uses native BLAKE3 (causeway doctor)',
  },
  'compress-bound': {
    when: 'Compressing is busy for longer than any other stage.',
    cause: 'compressing takes longest: the link could carry more than the {side} can compress',
    evidence: 'compress busy {busy} of the last {window}; {rate}',
    fix: 'copy with a lower level (--compress 1, or auto), or give the {side} more processors',
  },
  'decompress-bound': {
    when: 'Decompressing is busy for longer than any other stage.',
    cause: 'decompressing takes longest: more arrives than the {side} can decompress',
    evidence: 'decompress busy {busy} of the last {window}; {rate}',
    fix: 'copy with --compress off, or give the {side} more processors',
  },
  'encrypt-bound': {
    when: 'The link is the limit, and the thread of one side that encrypts, sends and receives has no time left.',
    cause: 'encrypting and moving bytes in and out of the link takes all of one processor on the {side}',
    evidence: 'main thread busy {busy} of the last {window}, {send} of it encrypting and sending; {rate}',
    fix: 'see that the processor of the {side} has AES instructions (grep -m1 -o aes /proc/cpuinfo; CPU model of the machine: host); inside a channel that is safe already, add it with --trust-carrier',
  },
  'source-slow': {
    when: 'Reading the source is busy for longer than any other stage.',
    cause: 'reading the source takes longest: its disk on the {side} is slow',
    evidence: 'source read busy {busy} of the last {window}; {rate}; disk pressure {io}',
    fix: 'look at what else uses that disk (iostat -x, iotop); a faster disk or cache below the source is the cure',
  },
  'destination-read-slow': {
    when: 'Reading the version that stands at the destination is busy for longer than any other stage.',
    cause:
      'reading what the destination has takes longest: its disk on the {side} reads more slowly than the link carries',
    evidence: 'destination read busy {busy} of the last {window}; {rate}; disk pressure {io}',
    fix: 'copy with --whole-file: then nothing is compared, and all of each changed file travels',
  },
  'destination-slow': {
    when: 'Writing at the destination is busy for longer than any other stage.',
    cause: 'writing takes longest: the disk of the destination on the {side} is slow',
    evidence: 'destination write busy {busy} of the last {window}; {rate}; disk pressure {io}',
    fix: 'look at what else uses that disk (iostat -x, iotop); a faster disk below the destination is the cure',
  },
  'flush-slow': {
    when: 'Flushing at the destination is busy for longer than any other stage.',
    cause: 'flushing takes longest: the disk of the destination on the {side} is slow to make bytes safe',
    evidence: 'destination flush busy {busy} of the last {window}; {rate}; disk pressure {io}',
    fix: 'look at the cache mode of that disk (a machine’s disk with cache=writethrough, a network volume, a disk without a safe cache): flushes are what it is slow at',
  },
  'verify-slow': {
    when: 'Reading back what was written is busy for longer than any other stage.',
    cause:
      'reading back what was written takes longest: the disk of the destination on the {side} reads slowly',
    evidence: 'verify busy {busy} of the last {window}; {rate}; disk pressure {io}',
    fix: 'look at what else reads from that disk (iostat -x, iotop)',
  },
  'publish-slow': {
    when: 'Making, renaming and flushing names at the destination is busy for longer than any other stage.',
    cause:
      'putting files in place takes longest: the file system of the destination on the {side} is slow with names',
    evidence: 'publish busy {busy} of the last {window}; disk pressure {io}',
    fix: 'look at the journal of that file system (a slow or remote one makes each flush of a folder slow)',
  },
  'link-lossy': {
    when: 'The link is the limit, and one of a hundred segments or more is sent again.',
    cause: 'the link loses packets: they are sent again, and slow everything down',
    evidence: '{resent} of the segments were sent again; round trip {trip}; {rate}',
    fix: 'look at the network in between (ip -s link on both sides: errors, drops; duplex and MTU)',
  },
  'window-clamped': {
    when: 'The link is the limit, and what it carries is one window for each round trip.',
    cause: 'the link carries one window a round trip: the window is too small for the way',
    evidence:
      'window {size} in a round trip of {trip} gives {rate}; the window held the sender back {limited} of the time',
    fix: 'raise the receive buffers where the bytes arrive (sysctl net.ipv4.tcp_rmem, or the buffers of the proxy in between)',
  },
  'link-slow': {
    when: 'The link is the limit, and neither side nor a window nor loss is the reason.',
    cause: 'the link carries no more',
    evidence: 'link busy {busy} of the last {window}; {rate}; round trip {trip}',
    fix: 'a faster channel: a virtio network or vsock instead of a serial port, a faster network in between',
  },
};

/** What stands for a figure that is not known. */
export const UNKNOWN = '–';

/** A text with its figures. A part (they are separated by semicolons) with a figure that is not known is left out. */
export function filled(text: string, figures: Readonly<Record<string, string>>): string {
  const isKnown = (name: string) => (figures[name] ?? UNKNOWN) !== UNKNOWN;
  const parts = text.split('; ');
  const known = parts.filter((part) => [...part.matchAll(FIGURE)].every(([, name]) => isKnown(name!)));
  const told = known.length > 0 ? known : parts;
  return told.join('; ').replace(FIGURE, (_, name: string) => figures[name] ?? UNKNOWN);
}

const FIGURE = /\{(\w+)\}/g;
