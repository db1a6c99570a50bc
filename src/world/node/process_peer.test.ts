import assert from 'node:assert/strict';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { endianness } from 'node:os';
import { test } from 'node:test';
import { establishedIn, peerOfProcess } from './process_peer.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const lineOf = (remote: string, state: string, inode: number) =>
  `   0: 0100007F:1D35 ${remote}:C350 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0 20 4\n`;

test('addresses are read from the tables of the kernel', { skip: endianness() !== 'LE' }, () => {
  const table =
    HEAD +
    lineOf('0100007F', '01', 7) +
    lineOf('0200000A', '0A', 8) +
    lineOf('0300000A', '01', 9) +
    lineOf('B80D0120000000000000000001000000', '01', 10) +
    lineOf('0000000000000000FFFF0000050000C0', '01', 11) +
    lineOf('00000000000000000000000001000000', '01', 12);
  const of = (...inodes: number[]) => establishedIn(table, new Set(inodes.map(String)));
  assert.deepEqual(of(7), ['127.0.0.1']);
  assert.deepEqual(of(8), [], 'it listens only');
  assert.deepEqual(of(10), ['2001:db8::1']);
  assert.deepEqual(of(11), ['192.0.0.5'], 'an IPv4 address in one of IPv6');
  assert.deepEqual(of(12), ['::1']);
  assert.deepEqual(of(7, 9), ['127.0.0.1', '10.0.0.3']);
});

test('a process that is gone, or has connections to several, has no peer', () => {
  assert.equal(peerOfProcess(2 ** 30), null);
});

test('the peer of this process is found', { skip: process.platform !== 'linux' }, async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    (await accepted).unref();
    assert.equal(peerOfProcess(process.pid), '127.0.0.1');
  } finally {
    client.destroy();
    (await accepted).destroy();
    server.close();
  }
});
