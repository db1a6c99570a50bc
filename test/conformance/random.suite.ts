import assert from 'node:assert/strict';
import { equalBytes } from '../../src/base/bytes.ts';
import { type Case, registerCases, type WorldHarness } from './harness.ts';

const CASES: readonly Case[] = [
  [
    'gives whole numbers of 32 bits, spread over all of them',
    async ({ world: { random } }) => {
      let above = 0;
      for (let i = 0; i < 1000; i += 1) {
        const number = random.u32();
        assert.ok(Number.isInteger(number) && number >= 0 && number < 2 ** 32);
        if (number >= 2 ** 31) above += 1;
      }
      assert.ok(above > 350 && above < 650, `${above} of 1000 are in the upper half`);
    },
  ],
  [
    'gives as many bytes as asked, different each time',
    async ({ world: { random } }) => {
      for (const length of [0, 1, 3, 16, 1000]) assert.equal(random.bytes(length).byteLength, length);
      assert.ok(!equalBytes(random.bytes(16), random.bytes(16)));
      assert.ok(new Set(random.bytes(4096)).size > 200);
    },
  ],
  [
    'forks independent sources, of the same label too',
    async ({ world: { random } }) => {
      const sources = [
        random,
        random.fork('a'),
        random.fork('b'),
        random.fork('a'),
        random.fork('a').fork('a'),
      ];
      const draws = sources.map((source) => Buffer.from(source.bytes(16)).toString('hex'));
      assert.equal(new Set(draws).size, sources.length);
    },
  ],
];

export function randomSuite(harness: WorldHarness): void {
  registerCases(harness, 'random', CASES);
}
