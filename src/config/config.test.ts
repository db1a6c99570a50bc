import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { editConfigText } from './config_edit.ts';
import { parseConfigText, problemLines } from './config_text.ts';
import { nearestName } from './nearest_name.ts';
import { resolveSettings } from './resolve.ts';
import { fits, parseSettingName, parseSettingText, showSetting } from './setting_text.ts';
import { SETTING_NAMES, settingOf, variableOf } from './settings.ts';

const problems = (text: string) => problemLines('c', parseConfigText(text).problems);
const NOTHING = { flags: new Map(), environment: new Map<string, string>(), file: null };

describe('the text of a config file', () => {
  it('gives values with their place', () => {
    const { entries, problems: none } = parseConfigText(
      '# mine\nweb:\n  address: "[::1]:80" # here\naudit: {retentionDays: 400}\n',
    );
    assert.deepEqual(none, []);
    assert.deepEqual(
      [...entries],
      [
        ['web.address', { value: '[::1]:80', line: 3, column: 3 }],
        ['audit.retentionDays', { value: 400, line: 4, column: 9 }],
      ],
    );
  });

  it('may be empty, or hold comments and empty sections only', () => {
    for (const text of ['', '\n', '# nothing\n', 'web:\n', '---\n']) {
      assert.deepEqual(problems(text), [], text);
      assert.equal(parseConfigText(text).entries.size, 0);
    }
  });

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['web:\n  adress: off\n', /^c:2:3: there is no setting web\.adress; is web\.address meant\?$/],
    ['wbe:\n  address: off\n', /^c:1:1: there is no section wbe; is web meant\?$/],
    ['zzzzzz: 1\n', /^c:1:1: there is no section zzzzzz; there are agents, audit/],
    ['web.address: off\n', /^c:1:1: write it in two lines: `web:`/],
    ['web:\n  address: off\n  address: off\n', /^c:3:3: Map keys must be unique/],
    ['web: [a]\n', /^c:1:6: web: names with values/],
    ['web:\n  address: nowhere\n', /^c:2:12: web\.address: HOST:PORT or off is needed/],
    ['audit:\n  retentionDays: 179\n', /^c:2:18: .*from 180/],
    ['sessions:\n  idleMinutes: 1.5\n', /^c:2:16: .*whole number/],
    ['web:\n  allowNetworks: [a, 3]\n', /^c:2:18: .*list of networks/],
    ['web: &x\n  address: off\nshares: *x\n', /anchors, aliases and tags/],
    ['web:\n  address: !mine off\n', /^c:2:12: .*(tag|anchors)/i],
    ['web:\n  address: {a: b}\n', /^c:2:12: web\.address: HOST:PORT/],
    ['web: {\n', /^c:\d+:\d+: /],
    ['web:\n\taddress: off\n', /^c:2:1: Tabs/],
    ['web:\n  address: off\n---\nweb:\n', /^c:3:1: .*multiple documents/],
    ['__proto__:\n  a: 1\n', /no section __proto__/],
    ['web:\n  constructor: 1\n', /no setting web\.constructor/],
    ['? [a]\n: b\n', /a name is needed here/],
  ];
  for (const [text, message] of wrong)
    it(`is refused at its place: ${JSON.stringify(text)}`, () =>
      assert.match(problems(text)[0] ?? '', message));

  it('names all problems, up to a limit', () => {
    const lines = Array.from({ length: 100 }, (_, at) => `x${at}: 1`);
    assert.equal(problems(lines.join('\n')).length, 20);
    assert.equal(problems('web:\n  adress: off\naudit:\n  retentionDays: 1\n').length, 2);
  });

  it('cannot be blown up by aliases', () => {
    const text = `a: &a [x,x]\n${'bcdefghi'
      .split('')
      .map((name, at) => `${name}: &${name} [${'*'.concat('abcdefgh'[at]!, ',').repeat(9)}x]`)
      .join('\n')}`;
    assert.ok(problems(text).length > 0);
  });
});

describe('a change of a config file', () => {
  const before =
    '# top\nweb:\n  address: off # why\n\n# lengths\nsessions:\n  # short\n  idleMinutes: 5 # five\n';

  it('keeps comments, order and everything else', () => {
    assert.equal(editConfigText(before, 'sessions.idleMinutes', 9), before.replace('5 # five', '9 # five'));
    const added = editConfigText(before, 'web.allowNetworks', ['10.0.0.0/8']);
    assert.equal(added, before.replace('# why\n', '# why\n  allowNetworks: [ 10.0.0.0/8 ]\n'));
  });

  it('adds sections to empty files and to files with comments only', () => {
    for (const text of ['', '# mine\n', 'web:\n', '{}']) {
      const edited = editConfigText(text, 'web.address', '[::1]:7410');
      assert.equal(parseConfigText(edited).entries.get('web.address')?.value, '[::1]:7410', edited);
      if (text.startsWith('#')) assert.match(edited, /^# mine\n/);
    }
  });

  it('takes a setting out again, and leaves a file alone that does not have it', () => {
    const text = editConfigText(before, 'web.address', undefined);
    assert.deepEqual([...parseConfigText(text).entries.keys()], ['sessions.idleMinutes']);
    assert.equal(editConfigText(before, 'audit.retentionDays', undefined), before);
    assert.equal(editConfigText('# mine\n', 'web.address', undefined), '# mine\n');
  });

  it('gives what was set, for every setting and its default', () => {
    for (const name of SETTING_NAMES) {
      const value = settingOf(name).default;
      const { entries, problems: none } = parseConfigText(editConfigText(before, name, value));
      assert.deepEqual(none, []);
      assert.deepEqual(entries.get(name)?.value, value, name);
    }
  });
});

describe('settings', () => {
  it('have defaults that fit, and texts that give the same value', () => {
    for (const name of SETTING_NAMES) {
      const value = settingOf(name).default;
      assert.ok(fits(name, value), name);
      assert.deepEqual(parseSettingText(name, showSetting(value), 'x'), value, name);
    }
  });

  it('are read from text with the units that people write', () => {
    assert.equal(parseSettingText('copies.limitBytesPerSecond', '100M', 'x'), 100 * 1024 ** 2);
    assert.equal(parseSettingText('copies.compress', '7', 'x'), 7);
    assert.deepEqual(parseSettingText('web.allowNetworks', '10.0.0.0/8, ::1', 'x'), ['10.0.0.0/8', '::1']);
    assert.throws(
      () => parseSettingText('sessions.idleMinutes', '0', '--x'),
      /^CausewayError: --x 0: a whole number of minutes/,
    );
    assert.throws(() => parseSettingName('sesions.idleMinutes'), /is sessions\.idleMinutes meant\?/);
    assert.equal(nearestName('whatever', SETTING_NAMES), null);
  });

  it('come from the flag before the environment before the file before the default', () => {
    const name = 'web.address';
    const file = { path: '/c', content: parseConfigText('web:\n  address: 127.0.0.1:3\n') };
    const environment = new Map([[variableOf(name), '127.0.0.1:2']]);
    const flags = new Map([[name, '127.0.0.1:1']] as const);
    const of = (sources: object) => resolveSettings({ ...NOTHING, ...sources })[name];
    assert.deepEqual(of({ flags, environment, file }), {
      value: '127.0.0.1:1',
      origin: 'flag',
      from: '--web',
    });
    assert.deepEqual(of({ environment, file }), {
      value: '127.0.0.1:2',
      origin: 'environment',
      from: 'CAUSEWAY_WEB_ADDRESS',
    });
    assert.deepEqual(of({ file }), { value: '127.0.0.1:3', origin: 'file', from: '/c:2:3' });
    assert.deepEqual(of({}), { value: '127.0.0.1:7410', origin: 'default', from: '' });
    assert.throws(
      () => of({ environment: new Map([['CAUSEWAY_WEB_ADDRESS', 'x']]) }),
      /CAUSEWAY_WEB_ADDRESS x: HOST:PORT/,
    );
  });
});
