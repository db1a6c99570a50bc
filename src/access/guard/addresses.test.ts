import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { describe, it } from 'node:test';
import { toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { Dice } from '../../world/sim/dice.ts';
import { AllowList } from './allow_list.ts';
import { parseIp } from './ip_address.ts';
import { isIn, parseNetwork } from './network.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

describe('addresses', () => {
  it('are read in every form of RFC 4291, the same address as the same bytes', () => {
    const same = [
      ['10.1.2.3', '::ffff:10.1.2.3', '::FFFF:0a01:203', '0:0:0:0:0:ffff:a01:203'],
      ['2001:db8::1', '2001:0DB8:0:0:0:0:0:1', '2001:db8:0::0:1'],
      ['fe80::1', 'fe80::1%eth0'],
      ['::', '0::0'],
    ];
    for (const spellings of same) {
      const bytes = spellings.map((text) => toHex(parseIp(text) ?? new Uint8Array(0)));
      assert.equal(new Set(bytes).size, 1, spellings.join(' '));
      assert.equal(bytes[0]?.length, 32);
    }
  });

  it('agree with Node on what is one', () => {
    const candidates = [
      ...[
        '',
        ':',
        ':::',
        '1',
        '1.2.3',
        '1.2.3.4.5',
        '01.2.3.4',
        '1.2.3.256',
        '1.2.3.4 ',
        '0x1.2.3.4',
        '1..2.3',
      ],
      ...[
        '::1',
        '1::',
        '1::2::3',
        '1:2:3:4:5:6:7',
        '1:2:3:4:5:6:7:8',
        '1:2:3:4:5:6:7:8:9',
        '::1:2:3:4:5:6:7',
      ],
      ...['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:8::', '::1.2.3.4', '1.2.3.4::', '1:2:3:4:5:6:1.2.3.4', '::12345'],
      ...[
        '1:2:3:4:5:6:7:1.2.3.4',
        '::1.2.3.4:5',
        '::g',
        '1:',
        ':1',
        '1:2:3:4:5:6:7:',
        'fe80::1%',
        'localhost',
      ],
    ];
    for (const text of candidates) assert.equal(parseIp(text) !== null, isIP(text) !== 0, text);
  });
});

describe('networks', () => {
  it(`hold the addresses that net.BlockList says (SEED=${SEED})`, () => {
    const dice = Dice.fromSeed(SEED);
    const v4 = (): string => [...dice.bytes(4)].map((byte) => (dice.chance(0.5) ? byte & 3 : byte)).join('.');
    const v6 = (): string => toHex(dice.bytes(16).map((byte) => byte & 1)).replace(/(.{4})(?=.)/g, '$1:');
    for (let run = 0; run < 2_000; run += 1) {
      const [family, make, width] = dice.chance(0.5)
        ? (['ipv4', v4, 32] as const)
        : (['ipv6', v6, 128] as const);
      const [base, other] = [make(), dice.chance(0.1) ? (family === 'ipv4' ? v6() : v4()) : make()];
      const bits = dice.between(0, width);
      const list = new BlockList();
      list.addSubnet(base, bits, family);
      const offset = width === 32 ? 96 : 0;
      const expected = list.check(other, isIP(other) === 4 ? 'ipv4' : 'ipv6');
      const found = isIn({ address: parseIp(base)!, bits: bits + offset }, parseIp(other)!);
      assert.equal(found, expected, `${other} in ${base}/${bits}`);
    }
  });

  it('are read with and without a prefix', () => {
    const within = (network: string, address: string): boolean =>
      isIn(parseNetwork(network), parseIp(address)!);
    assert.ok(within('10.0.0.0/8', '10.255.0.1'));
    assert.ok(within('10.0.0.0/8', '::ffff:10.0.0.1'));
    assert.ok(!within('10.0.0.0/8', '11.0.0.1'));
    assert.ok(within('192.168.1.7', '192.168.1.7'));
    assert.ok(!within('192.168.1.7', '192.168.1.8'));
    assert.ok(within('0.0.0.0/0', '1.2.3.4'));
    assert.ok(!within('0.0.0.0/0', '2001:db8::1'), 'all of IPv4 is not all of IPv6');
    assert.ok(within('::/0', '1.2.3.4'));
    assert.ok(within('2001:db8::/33', '2001:db8:7fff::1'));
    assert.ok(!within('2001:db8::/33', '2001:db8:8000::1'));
  });

  it('are refused where they are none, or say something else than meant', () => {
    for (const text of [
      '',
      'x',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/08',
      '::/129',
      '10.0.0.1/8',
      '2001:db8::1/64',
    ]) {
      assert.throws(
        () => parseNetwork(text),
        (error) => error instanceof CausewayError && error.code === 'CW_USAGE',
        text,
      );
    }
  });
});

describe('the allow list', () => {
  it('lets all in where it is empty, and else those named and the machine itself', () => {
    assert.ok(new AllowList([]).permits('203.0.113.9'));
    const list = new AllowList(['10.0.0.0/8', '2001:db8::/32']);
    for (const good of ['10.2.3.4', '::ffff:10.2.3.4', '2001:db8::9', '127.0.0.1', '::1'])
      assert.ok(list.permits(good), good);
    for (const bad of ['11.0.0.1', '2001:db9::9', 'nonsense', '']) assert.ok(!list.permits(bad), bad);
  });

  it('names the network that it cannot read', () => {
    assert.throws(() => new AllowList(['10.0.0.0/8', '10.0.0/8']), /"10\.0\.0\/8" is no network/);
  });
});
