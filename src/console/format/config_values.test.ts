import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Value } from 'typebox/value';
import { SETTING_NAMES, SETTINGS, type SettingName } from '../../config/settings.ts';
import { en } from '../messages/en/index.ts';
import { zh } from '../messages/zh/index.ts';
import { CHOICES, textOf } from './config_values.ts';

describe('the settings in the console', () => {
  it('have words in both languages, each of them', () => {
    assert.deepEqual(Object.keys(en.config.names).sort(), SETTING_NAMES.toSorted());
    assert.deepEqual(Object.keys(zh.config.names).sort(), SETTING_NAMES.toSorted());
  });

  it('offer words only that the daemon takes, and all of them', () => {
    for (const [name, words] of Object.entries(CHOICES)) {
      const { schema } = SETTINGS[name as SettingName];
      assert.ok(words.every((word) => Value.Check(schema, word)));
      assert.equal((schema as unknown as { anyOf: object[] }).anyOf.length, words.length, name);
    }
  });

  it('are typed as they are shown', () => {
    assert.equal(textOf(['10.0.0.0/8', '::1']), '10.0.0.0/8, ::1');
    assert.equal(textOf([]), '');
    assert.equal(textOf(180), '180');
  });
});
