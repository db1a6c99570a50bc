import type { Dice } from '../../src/world/sim/dice.ts';

/** As much of JSON Schema as the contract uses. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
}

/** Texts that have broken programs. */
export const HOSTILE_TEXTS = [
  '',
  ' ',
  '..',
  '../../../../etc/shadow',
  '%2e%2e%2f',
  'zz\u0000zz',
  '\ud800',
  '\u202Ezz',
  "zz' OR 1=1 --",
  '__proto__',
  'constructor',
  'toString',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '\r\nset-cookie: a=b',
  'zz'.repeat(3_000),
  '9'.repeat(400),
  '💥'.repeat(50),
] as const;
const HOSTILE_VALUES = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 53,
  -(2 ** 63),
  1e308,
  [],
  {},
  [[[[]]]],
  { a: { b: [] } },
] as const;

export function textFor(dice: Dice): string {
  return dice.pick(HOSTILE_TEXTS as unknown as [string, ...string[]]);
}

/** A value of the schema, more or less: some texts are not of their pattern. */
export function valueFor(schema: Schema, dice: Dice): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.anyOf !== undefined) return valueFor(dice.pick(schema.anyOf as [Schema, ...Schema[]]), dice);
  switch (schema.type) {
    case 'object':
      return objectOf(schema, dice);
    case 'array': {
      const length = (schema.minItems ?? 0) + dice.between(0, 2);
      return Array.from({ length }, () => valueFor(schema.items ?? {}, dice));
    }
    case 'integer':
    case 'number':
      return dice.between(schema.minimum ?? 0, Math.min(schema.maximum ?? 1_000, 2 ** 31));
    case 'boolean':
      return dice.chance(0.5);
    case 'null':
      return null;
    default:
      return dice.chance(0.6) ? `zz${dice.between(0, 9)}` : textFor(dice);
  }
}

function objectOf({ properties = {}, required = [] }: Schema, dice: Dice): object {
  const names = Object.keys(properties).filter((name) => required.includes(name) || dice.chance(0.4));
  return Object.fromEntries(names.map((name) => [name, valueFor(properties[name] ?? {}, dice)]));
}

/** The value with something of it replaced, dropped or added. */
export function spoiled(value: unknown, dice: Dice): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || dice.chance(0.1)) {
    return dice.pick(HOSTILE_VALUES as unknown as [unknown, ...unknown[]]);
  }
  const entries = Object.entries(value);
  const at = dice.between(0, Math.max(0, entries.length - 1));
  if (entries.length > 0 && dice.chance(0.7)) {
    const [name, inner] = entries[at] as [string, unknown];
    return { ...value, [name]: spoiled(inner, dice) };
  }
  if (dice.chance(0.5)) return Object.fromEntries(entries.filter((_, one) => one !== at));
  return { ...value, [`x${textFor(dice)}`.slice(0, 40)]: textFor(dice) };
}

/** Bodies that are no JSON, or bad JSON. */
export function rawOf(dice: Dice): string {
  return dice.pick([
    '{',
    '',
    'null',
    '[]',
    '"text"',
    '{"__proto__":{"admin":true}}',
    '{"constructor":{"prototype":{}}}',
    '{"a":1,"a":2}',
    `${'['.repeat(20_000)}`,
    `{"name":"${'z'.repeat(5_000)}`,
    '\u0000\u0001\u0002',
    '{"name":NaN}',
  ]);
}
