import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Check } from 'typebox/value';
import { AddVmRequest } from '../../contract/schemas.ts';
import {
  EMPTY_DRAFT,
  type MachineDraft,
  parseAddress,
  requestOf,
  splitCommand,
  wrongFields,
} from './endpoints.ts';

const COMPLETE: MachineDraft = {
  kind: 'tcp',
  name: 'dev',
  address: '192.0.2.7:7411',
  token: ' cw1-x ',
  path: '/run/vm/dev.sock',
  command: `ssh me@box 'causeway agent' run "--stdio"`,
  trust: true,
};

describe('a machine to add', () => {
  it('says which fields are not right', () => {
    const wrong = (kind: MachineDraft['kind']) => [...wrongFields({ ...EMPTY_DRAFT, kind })];
    assert.deepEqual(wrong('tcp'), ['name', 'address', 'token']);
    assert.deepEqual(wrong('serial'), ['name', 'path']);
    assert.deepEqual(wrong('exec'), ['name', 'command']);
    assert.deepEqual(wrong('listen'), ['name']);
    for (const name of ['a b', '-a', 'a-', '', 'ä'])
      assert.deepEqual([...wrongFields({ ...COMPLETE, name })], ['name']);
  });

  it('becomes a request that the daemon takes, with what its kind uses', () => {
    const cases: [MachineDraft['kind'], object][] = [
      ['tcp', { name: 'dev', endpoint: { kind: 'tcp', host: '192.0.2.7', port: 7411 }, token: 'cw1-x' }],
      ['listen', { name: 'dev', endpoint: { kind: 'listen' } }],
      ['unix', { name: 'dev', endpoint: { kind: 'unix', path: '/run/vm/dev.sock' }, trustCarrier: true }],
      [
        'exec',
        {
          name: 'dev',
          endpoint: { kind: 'exec', argv: ['ssh', 'me@box', 'causeway agent', 'run', '--stdio'] },
          trustCarrier: true,
        },
      ],
    ];
    for (const [kind, expected] of cases) {
      assert.deepEqual(requestOf({ ...COMPLETE, kind }), expected);
      assert.ok(Check(AddVmRequest, expected));
    }
  });

  it('reads addresses and commands', () => {
    assert.deepEqual(parseAddress(' [2001:db8::1]:22 '), { host: '2001:db8::1', port: 22 });
    for (const bad of ['host', 'host:', ':1', 'a b:1', 'host:0', 'host:65536', '2001:db8::1:22'])
      assert.equal(parseAddress(bad), null, bad);
    assert.deepEqual(splitCommand('  a  "b c" d\'e f\'g '), ['a', 'b c', 'de fg']);
    assert.deepEqual(splitCommand(''), []);
  });
});
