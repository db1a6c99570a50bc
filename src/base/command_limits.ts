import { bytes, KIB, ms } from './limit.ts';

/** Limits of the command line's calls of its daemon: a part of LIMITS, alone since each command loads it. */
export const COMMAND_LIMITS = {
  localAnswerHeadBytes: bytes(64 * KIB, 'head of an answer of the daemon that the command line takes'),
  lostAnswerRetryForMs: ms(15_000, 'how long `causeway cp` asks again, with its key, for a lost answer'),
  lostAnswerRetryEveryMs: ms(200, 'wait between two such attempts'),
};
