/** The receiving end of a socket, in a process of its own: PORT [CIPHER]. Prints its CPU seconds at the end. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';

const [port = '0', cipher = ''] = process.argv.slice(2);
const onread = { buffer: Buffer.alloc(1 << 20), callback: () => true };
const start = process.cpuUsage();
const to = { port: Number(port), host: '127.0.0.1', onread };
const socket =
  cipher === ''
    ? connectTcp(to)
    : connectTls({ ...to, rejectUnauthorized: false, ciphers: cipher, minVersion: 'TLSv1.3' } as never);
socket.on('end', () => {
  const { user, system } = process.cpuUsage(start);
  process.stdout.write(`${(user + system) / 1e6}\n`, () => process.exit(0));
});
