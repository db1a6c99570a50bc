// The part of docs/api.md that is generated from the contract and from who may do what.
import { ACTIONS } from '../src/access/rights/actions.ts';
import { PROCEDURE_ACTIONS } from '../src/access/rights/procedure_actions.ts';
import * as audit from '../src/contract/audit_schemas.ts';
import * as config from '../src/contract/config_schemas.ts';
import * as identity from '../src/contract/identity_schemas.ts';
import * as metrics from '../src/contract/metric_schemas.ts';
import * as notify from '../src/contract/notify_schemas.ts';
import { PROCEDURES } from '../src/contract/procedures.ts';
import type { ProcedureName } from '../src/contract/routes.ts';
import * as schemas from '../src/contract/schemas.ts';

const BEGIN = '<!-- procedures -->';
const END = '<!-- /procedures -->';

const NAMES = new Map<object, string>(
  [schemas, identity, audit, metrics, config, notify].flatMap((module) =>
    Object.entries(module).map(([name, schema]) => [schema as object, name] as const),
  ),
);

interface Shape {
  readonly type?: string;
  readonly items?: Shape;
  readonly properties?: object;
  readonly required?: readonly string[];
}

/** `{name, grants, code?}` of what goes in; nothing of an empty object. */
function members({ properties = {}, required }: Shape): string {
  const names = Object.keys(properties);
  if (names.length === 0) return '';
  return `\`{${names.map((name) => (required?.includes(name) ? name : `${name}?`)).join(', ')}}\``;
}

/** The name of a schema of what comes out; its members where it has none. */
function called(schema: Shape): string {
  if (schema.type === 'array' && schema.items !== undefined) return `list of ${called(schema.items)}`;
  const name = NAMES.get(schema);
  return name === undefined ? members(schema) : `\`${name}\``;
}

function row(name: ProcedureName): string {
  const { method, path, body, result } = PROCEDURES[name];
  const action = PROCEDURE_ACTIONS[name];
  const rule = action === 'open' || action === 'signed-in' ? null : ACTIONS[action];
  const who = rule === null ? (action === 'open' ? 'anybody' : 'signed in') : `${rule.role} | ${rule.reach}`;
  const cells = [`\`${method} ${path}\``, `\`${name}\``, rule === null ? '' : `\`${action}\``];
  return `| ${cells.join(' | ')} | ${rule === null ? `${who} | ` : who} | ${members(body as Shape)} | ${called(result as Shape)} |`;
}

/** Text of docs/api.md: what stands there, with the table as the code has it. */
export function apiDocument(document: string): string {
  const [before, rest = ''] = document.split(BEGIN);
  const after = rest.split(END)[1] ?? '';
  const head = [
    '| method and path | name | action | role | reach | body | answer |',
    '| --- | --- | --- | --- | --- | --- | --- |',
  ];
  const rows = (Object.keys(PROCEDURES) as ProcedureName[]).map(row);
  return `${before}${BEGIN}\n${[...head, ...rows].join('\n')}\n${END}${after}`;
}
