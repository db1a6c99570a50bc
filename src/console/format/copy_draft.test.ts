import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Check } from 'typebox/value';
import { StartGroupRequest, StartJobRequest } from '../../contract/schemas.ts';
import { type CopyDraft, copyRequestOf, DEFAULT_OPTIONS, problemsOf, THIS_DEVICE } from './copy_draft.ts';

function draft(part: Partial<CopyDraft> = {}): CopyDraft {
  return {
    from: '',
    sources: ['/srv/a'],
    to: 'dev',
    alsoTo: [],
    destination: '/srv/',
    options: DEFAULT_OPTIONS,
    ...part,
  };
}

function problems(part: Partial<CopyDraft>): string[] {
  return [...problemsOf(draft(part))].sort();
}

function options(part: Partial<CopyDraft['options']>): Partial<CopyDraft> {
  return { options: { ...DEFAULT_OPTIONS, ...part } };
}

describe('what is chosen for a copy', () => {
  it('is right, or says what is not', () => {
    assert.deepEqual(problems({}), []);
    assert.deepEqual(problems({ from: '', to: '', destination: '/x' }), ['samePlace']);
    assert.deepEqual(problems({ from: 'dev', sources: ['a'] }), ['sameMachine']);
    assert.deepEqual(problems({ sources: [' ', ''] }), ['needPath']);
    assert.deepEqual(problems({ sources: ['a'] }), ['absoluteSource']);
    assert.deepEqual(problems({ from: 'db', sources: ['a'] }), [], 'relative to the home of its agent');
    assert.deepEqual(problems({ destination: ' ' }), ['needDestination']);
    assert.deepEqual(problems({ from: 'db', to: '', destination: 'x' }), ['absoluteDestination']);
    assert.deepEqual(problems(options({ limit: 'x', retries: '101', window: '9-10' })), [
      'limit',
      'retries',
      'window',
    ]);
  });

  it('may come from this device, and then goes to a machine', () => {
    const file = (path: string) => ({ path, blob: new Blob(['x']), mtimeMs: 1 });
    const picked = { files: [file('photos/a'), file('b.txt')], folders: [] };
    const device = { from: THIS_DEVICE, sources: [''], picked };
    assert.deepEqual(problems(device), []);
    assert.deepEqual(problems({ ...device, to: '', destination: '/x' }), ['toMachine']);
    assert.deepEqual(problems({ ...device, picked: { files: [], folders: [] } }), ['needFiles']);
    const many = Array.from({ length: 1_001 }, (_, at) => file(`${at}`));
    assert.deepEqual(problems({ ...device, picked: { files: many, folders: [] } }), ['tooMany']);
    const upload = 'u0123456789abcdef';
    const request = copyRequestOf(draft(device), upload);
    const base = { direction: 'in', sources: ['photos', 'b.txt'], upload, destination: '/srv/' };
    assert.deepEqual(request, { one: { ...base, vm: 'dev' } });
    assert.ok('one' in request && Check(StartJobRequest, request.one));
    const several = copyRequestOf(draft({ ...device, alsoTo: ['db'] }), upload);
    assert.deepEqual(several, { group: { ...base, vms: ['dev', 'db'] } });
  });

  it('becomes a request that the daemon takes', () => {
    const cases: [Partial<CopyDraft>, object][] = [
      [{}, { direction: 'in', vm: 'dev', sources: ['/srv/a'], destination: '/srv/' }],
      [
        { from: 'db', to: '', destination: '/x' },
        { direction: 'out', vm: 'db', sources: ['/srv/a'], destination: '/x' },
      ],
      [
        { from: 'db' },
        { direction: 'between', vm: 'dev', fromVm: 'db', sources: ['/srv/a'], destination: '/srv/' },
      ],
      [
        options({
          limit: '2',
          undo: 'off',
          onClash: 'skip',
          ignoreTimes: true,
          background: true,
          mirror: true,
          compress: 'auto',
          retries: '3',
          window: '22:00-06:00',
        }),
        {
          direction: 'in',
          vm: 'dev',
          sources: ['/srv/a'],
          destination: '/srv/',
          limitBytesPerSecond: 2 * 1024 ** 2,
          undo: 'off',
          onClash: 'skip',
          ignoreTimes: true,
          delete: true,
          trafficClass: 'background',
          compress: 'auto',
          retries: 3,
          windows: ['22:00-06:00'],
        },
      ],
    ];
    for (const [part, expected] of cases) {
      const request = copyRequestOf(draft(part));
      assert.deepEqual(request, { one: expected });
      assert.ok(Check(StartJobRequest, expected));
    }
  });

  it('goes to several machines as one group', () => {
    const request = copyRequestOf(draft({ alsoTo: ['test', 'dev', 'test'] }));
    assert.ok('group' in request && Check(StartGroupRequest, request.group));
    assert.deepEqual(request.group.vms, ['dev', 'test']);
  });
});
