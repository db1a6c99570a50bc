import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FarRule, USUAL_RULE } from './far_rule.ts';
import { ENTRY_BYTES, IN_HEADER_BYTES, OP, OUT_HEADER_BYTES } from './protocol.ts';

const [READ, WRITE, BOTH] = [0, 1, 2];

function request(opcode: number, flags = 0, unique = 7n) {
  const bytes = new Uint8Array(IN_HEADER_BYTES + 16);
  const view = new DataView(bytes.buffer);
  view.setUint32(IN_HEADER_BYTES, flags, true);
  return { bytes, view, opcode, unique };
}

/** The flags of an answer after it has passed. */
function openedBy(rule: FarRule, opcode: number, unique = 7n, error = 0): number {
  const at = OUT_HEADER_BYTES + (opcode === OP.create ? ENTRY_BYTES : 0) + 8;
  const answer = new Uint8Array(at + 8);
  const view = new DataView(answer.buffer);
  view.setInt32(4, error, true);
  view.setUint32(at, 2, true);
  rule.answered(opcode, unique, answer);
  return view.getUint32(at, true);
}

describe('the rule of a cache of blocks', () => {
  for (const [opcode, flags, isDirect] of [
    [OP.open, WRITE, true],
    [OP.create, WRITE, true],
    [OP.open, BOTH, false],
    [OP.open, READ, false],
  ] as const)
    it(`around: what is opened by ${opcode} with ${flags} ${isDirect ? 'passes' : 'does not pass'} the pages by`, () => {
      const rule = new FarRule();
      rule.settings = { ...USUAL_RULE, isAround: true };
      assert.equal(rule.refuses(request(opcode, flags)), false);
      assert.equal(openedBy(rule, opcode, 8n), 2, 'another one');
      assert.equal(openedBy(rule, opcode), isDirect ? 3 : 2);
      assert.equal(openedBy(rule, opcode), 2, 'once');
    });

  it('changes nothing of a failure, nor of what is opened without it', () => {
    const rule = new FarRule();
    rule.refuses(request(OP.open, WRITE));
    assert.equal(openedBy(rule, OP.open), 2);
    rule.settings = { ...USUAL_RULE, isAround: true };
    rule.refuses(request(OP.open, WRITE));
    assert.equal(openedBy(rule, OP.open, 7n, -13), 2);
  });

  it('read-only: refuses what changes, and nothing else', () => {
    const rule = new FarRule();
    const changing = [OP.write, OP.mkdir, OP.create, OP.rename2, OP.setattr, OP.link, OP.removexattr];
    for (const opcode of changing) assert.equal(rule.refuses(request(opcode)), false);
    rule.settings = { ...USUAL_RULE, isReadOnly: true };
    for (const opcode of changing) assert.equal(rule.refuses(request(opcode)), true);
    for (const flags of [WRITE, BOTH]) assert.equal(rule.refuses(request(OP.open, flags)), true);
    for (const opcode of [OP.open, OP.read, OP.lookup, OP.flush, OP.release])
      assert.equal(rule.refuses(request(opcode, READ)), false);
  });

  it('keeps what is read in order up to the cut-off', () => {
    const rule = new FarRule();
    assert.equal(rule.keeps(2 ** 40), true);
    rule.settings = { ...USUAL_RULE, cutoffBytes: 100 };
    assert.deepEqual([rule.keeps(100), rule.keeps(101)], [true, false]);
  });
});
