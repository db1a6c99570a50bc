import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CausewayError } from '../base/errors.ts';
import type { LinkState, PeerHello } from './link.ts';
import { LinkStates } from './link_states.ts';
import type { Mux } from './mux/mux.ts';

const MUX = { sign: 'the mux' } as unknown as Mux;
const PEER = { hostName: 'box' } as PeerHello;
const CONNECTING: LinkState = { kind: 'connecting', attempt: 1, lastError: null, sinceMs: 0 };
const UP: LinkState = { kind: 'up', mux: MUX, peer: PEER, sinceMs: 0 };
const REFUSED = new CausewayError('CW_LINK_REFUSED', 'nobody listens there');

describe('LinkStates', () => {
  it('gives the mux of the next up state, not of an interrupted one', async () => {
    const states = new LinkStates(CONNECTING);
    const ready = states.ready(new AbortController().signal);
    states.set({ kind: 'interrupted', mux: MUX, lastError: null, sinceMs: 0 });
    states.set(UP);
    assert.equal(await ready, MUX);
    assert.equal(await states.ready(AbortSignal.abort()), MUX);
  });

  it('says why nothing is connected when the caller gives up', async () => {
    const states = new LinkStates(CONNECTING);
    const stop = new AbortController();
    const ready = states.ready(stop.signal);
    states.set({ ...CONNECTING, lastError: REFUSED });
    stop.abort();
    await assert.rejects(ready, { code: 'CW_VM_OFFLINE', message: /nobody listens there/, cause: REFUSED });
    await assert.rejects(states.ready(AbortSignal.abort()), { code: 'CW_VM_OFFLINE' });
  });

  it('rejects with the error of a failed link and of a closed one', async () => {
    const states = new LinkStates(CONNECTING);
    const waiting = states.ready(new AbortController().signal);
    const changed = new CausewayError('CW_PAIR_KEY_CHANGED', 'another key');
    states.set({ kind: 'failed', error: changed, sinceMs: 0 });
    await assert.rejects(waiting, changed);
    states.set(UP);
    assert.equal(states.current.kind, 'failed');
    states.set({ kind: 'closed' });
    await assert.rejects(states.ready(new AbortController().signal), { code: 'CW_LINK_CLOSED' });
  });

  it('tells listeners until they leave', () => {
    const states = new LinkStates(CONNECTING);
    const seen: string[] = [];
    const leave = states.onState((state) => seen.push(state.kind));
    states.set(UP);
    leave();
    states.set({ kind: 'closed' });
    assert.deepEqual(seen, ['up']);
  });
});
