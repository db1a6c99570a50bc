import { NodePeer } from './node_peer.ts';

/* An agent on stdin and stdout, for tests that start it as a command: `node stdio_agent.ts DIR`. Ends with its pipe. */
const peer = await NodePeer.create(process.argv[2]);
const server = peer.serve({ kind: 'pipe', channel: { kind: 'stdio' }, serial: false }, 'owner');
await server.accept(new AbortController().signal).catch(() => undefined); // the other loop takes the link; this one hears of the end
await peer.close();
process.exit(0);
