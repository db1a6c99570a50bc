import { CausewayError } from '../../base/errors.ts';
import type { Conn, Endpoint, Listener, Net } from '../net.ts';
import { dialDevice } from './device_conn.ts';
import { type DialOptions, dialSocket } from './dial_socket.ts';
import { dialExec } from './exec_conn.ts';
import { listenSocket } from './listener.ts';
import { describeEndpoint } from './net_errors.ts';
import { secureConn } from './secure.ts';
import { dialStdio } from './stdio_conn.ts';

async function dial(endpoint: Endpoint, options: DialOptions): Promise<Conn> {
  switch (endpoint.kind) {
    case 'tcp':
    case 'unix':
      return dialSocket(endpoint, options);
    case 'device':
      return dialDevice(endpoint.path);
    case 'exec':
      return dialExec(endpoint.argv, options);
    case 'stdio':
      return dialStdio();
  }
}

async function listen(endpoint: Endpoint): Promise<Listener> {
  if (endpoint.kind === 'tcp' || endpoint.kind === 'unix') return listenSocket(endpoint);
  throw new CausewayError('CW_UNSUPPORTED', `nobody can listen on ${describeEndpoint(endpoint)}`);
}

/** The channels of this machine. */
export function createNodeNet(): Net {
  return { dial, listen, secure: secureConn };
}
