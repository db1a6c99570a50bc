import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { MethodChoice } from './method_choice.ts';

const TRIAL = LIMITS.directTrialBytes.value;

test('each way is measured, then the faster one is taken, and the other one now and then', () => {
  const choice = new MethodChoice();
  assert.equal(choice.next(), 'copy_file_range');
  choice.took('copy_file_range', TRIAL, 100);
  assert.equal(choice.next(), 'direct');
  choice.took('direct', TRIAL, 50);
  const taken = Array.from({ length: 4 * LIMITS.directTrialEvery.value }, () => choice.next());
  const slower = taken.filter((method) => method === 'copy_file_range').length;
  assert.equal(slower, 4);
  choice.took('copy_file_range', 100 * TRIAL, 100);
  assert.equal(choice.next(), 'copy_file_range');
});

test('a way that the system refuses is never taken again, and one is left in any case', () => {
  const choice = new MethodChoice();
  choice.refused('copy_file_range');
  choice.refused('direct');
  for (let at = 0; at < 100; at += 1) {
    const method = choice.next();
    assert.equal(method, 'direct');
    choice.took(method, TRIAL, 0);
  }
  choice.took('copy_file_range', TRIAL, 1);
  assert.equal(choice.next(), 'direct');
});

test('sharing is given up where the first file cannot, and not where a later one cannot', () => {
  const never = new MethodChoice();
  never.shared(false);
  assert.equal(never.mayShare, false);
  const once = new MethodChoice();
  once.shared(true);
  once.shared(false);
  assert.equal(once.mayShare, true);
});
