import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { CausewayError } from '../../base/errors.ts';
import type { Conn } from '../net.ts';
import { onreadOf } from './direct_reads.ts';
import { Inbox } from './inbox.ts';
import { plainPeer, SocketConn } from './socket_conn.ts';

const STDIN_FD = 0;
const STDOUT_FD = 1;

let taken = false;

function isPipe(fd: number): boolean {
  const stats = fstatSync(fd);
  return stats.isFIFO() || stats.isSocket();
}

/**
 * This process's own stdin and stdout as a connection, once per process: whoever prints to stdout besides breaks it.
 * Pipes and sockets are opened anew, because `process.stdout` writes to them synchronously, and a slow peer would stop
 * this process. The descriptors stay open after `close()` until the process ends, so that no file can get their numbers.
 */
export async function dialStdio(): Promise<Conn> {
  if (taken) throw new CausewayError('CW_LINK_BUSY', 'stdin and stdout are in use as a connection already');
  if (isatty(STDIN_FD) || isatty(STDOUT_FD))
    throw new CausewayError(
      'CW_LINK_REFUSED',
      'stdin or stdout is a terminal: start this from another program',
    );
  taken = true;
  const inbox = new Inbox();
  const input = isPipe(STDIN_FD)
    ? new Socket({ fd: STDIN_FD, readable: true, writable: false, onread: onreadOf(inbox) })
    : process.stdin;
  const output = isPipe(STDOUT_FD)
    ? new Socket({ fd: STDOUT_FD, readable: false, writable: true })
    : process.stdout;
  return new SocketConn({ input, output, inbox, peer: plainPeer('stdio') });
}
