import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { type SmbSignIn, SmbSignIns, signInOf } from './sign_ins.ts';

/** As Samba 4.17 writes it. */
const line = (status: string, clientAccount: string, remoteAddress = 'ipv4:192.0.2.7:36222') =>
  `  ${JSON.stringify({
    timestamp: '2026-11-22T15:00:00.000000+0000',
    type: 'Authentication',
    Authentication: {
      version: { major: 1, minor: 2 },
      eventId: 4624,
      status,
      localAddress: 'ipv4:192.0.2.1:445',
      remoteAddress,
      serviceDescription: 'SMB2',
      clientAccount,
    },
  })}`;

test('a line of the log tells who has signed in or was refused, and from where', () => {
  assert.deepEqual(signInOf(line('NT_STATUS_OK', 'docs')), {
    user: 'docs',
    address: '192.0.2.7',
    isGranted: true,
    status: 'NT_STATUS_OK',
  });
  const refused = signInOf(line('NT_STATUS_WRONG_PASSWORD', 'x'.repeat(500), 'ipv6:2001:db8::1:50000'));
  assert.equal(refused?.isGranted, false);
  assert.equal(refused?.address, '2001:db8::1');
  assert.equal(refused?.user.length, 128);
  assert.equal(signInOf(line('NT_STATUS_OK', 'docs', 'unix:'))?.address, null);
});

test('what is no sign-in is passed over', () => {
  for (const text of [
    '',
    '[2026/11/22 15:00:00.000000,  3] ../../auth/auth_log.c:858(log_json)',
    '{"type": "Authorization", "Authorization": {"account": "docs"}}',
    '{"type": "Authentication"}',
    '{"type": "Authentication", "Authentication": {"status": 1, "clientAccount": "docs"}}',
    '{"type": "Authentication", "Authentication": null}',
    '{"type": "Authent',
    '{}',
  ])
    assert.equal(signInOf(text), null, text);
});

test('lines may come in pieces of any size, and one without an end takes no memory', () => {
  const found: SmbSignIn[] = [];
  const all = Buffer.from(
    `[head]\n${line('NT_STATUS_OK', 'döcs')}\n${line('NT_STATUS_NO_SUCH_USER', 'b')}\n`,
  );
  for (const size of [1, 7, 100, all.length]) {
    found.length = 0;
    const signIns = new SmbSignIns((signIn) => void found.push(signIn));
    for (let at = 0; at < all.length; at += size) signIns.add(all.subarray(at, at + size));
    assert.deepEqual(
      found.map(({ user, isGranted }) => [user, isGranted]),
      [
        ['döcs', true],
        ['b', false],
      ],
    );
  }
  found.length = 0;
  const signIns = new SmbSignIns((signIn) => void found.push(signIn));
  signIns.add(Buffer.alloc(LIMITS.smbLogLineMaxBytes.value + 1, 'x'));
  signIns.add(Buffer.from(`\n${line('NT_STATUS_OK', 'docs')}\n`));
  assert.equal(found.length, 1);
});
