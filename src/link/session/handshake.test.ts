import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, settle } from '../../../test/link/manual_clock.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { HELLO_HEADER_BYTES } from '../../wire/hello.ts';
import { memoryPair } from '../carriers/memory.ts';
import { refuse } from './handshake.ts';

describe('refuse', () => {
  const busy = new CausewayError('CW_LINK_BUSY', 'not now');

  function begin(failure: unknown) {
    const clock = new ManualClock();
    const [ours, theirs] = memoryPair();
    let done = false;
    const refusing = refuse(clock, ours, failure).then(() => {
      done = true;
    });
    return { clock, theirs, refusing, isDone: () => done };
  }

  it('leaves the carrier open until the peer hangs up, so that the reason arrives', async () => {
    const { theirs, refusing, isDone } = begin(busy);
    const header = new Uint8Array(HELLO_HEADER_BYTES);
    assert.equal(await theirs.read(header, header.byteLength), header.byteLength);
    await settle();
    assert.equal(isDone(), false);
    await theirs.close();
    await refusing;
  });

  it('does not wait for long for a peer that stays', async () => {
    const { clock, refusing, isDone } = begin(busy);
    await settle();
    assert.equal(isDone(), false);
    await clock.advance(LIMITS.sessionCloseGraceMs.value);
    await refusing;
  });

  it('tells nothing to a peer that does not speak the protocol', async () => {
    const { theirs, refusing } = begin(new CausewayError('CW_WIRE_MAGIC', 'HTTP'));
    await refusing;
    assert.equal(await theirs.read(new Uint8Array(1), 1), 0);
  });
});
