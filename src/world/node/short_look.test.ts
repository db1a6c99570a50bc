import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { ShortLook } from './short_look.ts';

const LOOK_US = 1;

/** Requests that come by a clock of their own; waking up takes a while, and so does looking. */
class Program {
  nowUs = 0;
  looks = 0;
  sleeps = 0;
  gapUs: number;
  wakeUs: number;
  /** What looking costs the program itself, which could have run meanwhile. */
  hindersUs: number;
  #nextUs = 0;
  readonly short = new ShortLook(() => this.nowUs / 1_000);

  constructor({ gapUs, wakeUs, hindersUs }: { gapUs: number; wakeUs: number; hindersUs: number }) {
    this.gapUs = gapUs;
    this.wakeUs = wakeUs;
    this.hindersUs = hindersUs;
  }

  ask(times: number): void {
    for (let time = 0; time < times; time += 1) this.#askOnce();
  }

  #askOnce(): void {
    this.#nextUs = this.nowUs + this.gapUs;
    let looked = 0;
    const found = this.short.next(
      () => {
        looked += 1;
        this.nowUs += LOOK_US;
        if (looked > 1) this.#nextUs += this.hindersUs;
        return this.nowUs >= this.#nextUs;
      },
      () => {
        this.sleeps += 1;
        this.nowUs = Math.max(this.nowUs, this.#nextUs) + this.wakeUs;
        return true;
      },
      (one) => !one,
    );
    if (looked > 1) this.looks += 1;
    assert.ok(found, 'each wait ends with a request');
  }
}

describe('a short look for the next request', () => {
  it('is taken where waking up takes longer than the program', () => {
    const program = new Program({ gapUs: 20, wakeUs: 40, hindersUs: 0 });
    program.ask(10_000);
    assert.ok(program.looks > 8_000, `${program.looks} looks, ${program.sleeps} sleeps`);
  });

  it('is rare where it is in the way of the program', () => {
    const program = new Program({ gapUs: 10, wakeUs: 2, hindersUs: 1 });
    program.ask(10_000);
    assert.ok(program.looks < 1_500, `${program.looks} looks, ${program.sleeps} sleeps`);
  });

  it('is not taken where requests are far apart, whatever was faster before', () => {
    const program = new Program({ gapUs: 20, wakeUs: 40, hindersUs: 0 });
    program.ask(1_000);
    program.gapUs = LIMITS.mountBusyUs.value;
    const before = program.looks;
    program.ask(1_000);
    assert.ok(program.looks - before <= 1, `${program.looks - before} looks`);
  });

  it('goes over to the other way where that has become the faster one', () => {
    const program = new Program({ gapUs: 10, wakeUs: 2, hindersUs: 1 });
    program.ask(10_000);
    Object.assign(program, { gapUs: 20, wakeUs: 40, hindersUs: 0 });
    program.ask(10_000);
    const before = program.looks;
    program.ask(10_000);
    assert.ok(program.looks - before > 8_000, `${program.looks - before} looks`);
  });
});
