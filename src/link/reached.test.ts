import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import { reachedByFailedDial, reachedByFailedGreeting } from './reached.ts';

const refusedBy = (code: string) =>
  new CausewayError('CW_LINK_REFUSED', 'cannot connect', { cause: Object.assign(new Error(code), { code }) });

test('how far a dial got is told by the reason of the system', () => {
  assert.equal(reachedByFailedDial(refusedBy('ECONNREFUSED')), 'refused');
  assert.equal(
    reachedByFailedDial(refusedBy('ECONNRESET')),
    'cut',
    'taken, and cut before the dial was over',
  );
  assert.equal(reachedByFailedDial(refusedBy('EHOSTUNREACH')), 'nothing');
  assert.equal(reachedByFailedDial(new CausewayError('CW_TIMEOUT', 'late')), 'nothing');
  assert.equal(reachedByFailedDial(new CausewayError('CW_INTERNAL', 'of no dial')), null);
});

test('who is silent on a connection that was taken is told apart from who cuts it', () => {
  const late = new CausewayError('CW_TIMEOUT', 'late');
  const gone = new CausewayError('CW_LINK_CLOSED', 'gone');
  assert.equal(reachedByFailedGreeting('silent', late), 'silent');
  assert.equal(reachedByFailedGreeting('silent', gone), 'cut');
  assert.equal(
    reachedByFailedGreeting('port', gone),
    'port',
    'the own end of a channel is there all the time',
  );
});
