import { bytes, count, KIB, MIB, ms } from './limit.ts';

/** Of programs that are run, and of agents that are brought to machines. */
export const MACHINE_LIMITS = {
  execHandshakeTimeoutMs: ms(
    30_000,
    'the same where a command carries the link: the sign-in of ssh and the start of the agent are part of it',
  ),
  sshReconnectMaxMs: ms(
    30_000,
    'the longest wait between attempts by ssh: each of them signs in, and a machine that refuses keeps count',
  ),
  commandOutputMaxBytes: bytes(4 * MIB, 'what a program that is asked something may print'),
  agentTrialMs: ms(45_000, 'time for a new agent to be linked; then the one before is used again'),
  agentTrialStarts: count(
    3,
    'starts without a link of a new agent whose stdin and stdout are the link; then the one before is used again',
  ),
  agentModuleMaxBytes: bytes(64 * MIB, 'a build of the agent that a machine takes over its link'),
  agentPieceBytes: bytes(512 * KIB, 'of such a build in one request'),
  agentAnswerGraceMs: ms(250, 'for the last answer of an agent to leave before it makes room for a new one'),
  hypervisorAnswerMs: ms(20_000, 'time for virsh to say something'),
  qmpAnswerMs: ms(2_000, 'time for QEMU to answer on its control socket, which another program may use'),
  qmpLineMaxBytes: bytes(4 * MIB, 'one answer of QEMU'),
  domainXmlDepthMax: count(64, 'nesting of what libvirt tells of a domain'),
  discoveredMax: count(256, 'virtual machines of a host that are looked at'),
  commandTimeoutMs: ms(60_000, 'time for such a program; for one that takes a file: without any progress'),
  remoteScriptMs: ms(
    900_000,
    'the same for a script on a machine: a slow one unpacks for minutes, and ssh itself notices one that is gone',
  ),
} as const;
