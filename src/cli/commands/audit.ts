import { CausewayError } from '../../base/errors.ts';
import { formatUtcMinute, parseUtc } from '../../base/utc.ts';
import type { AuditFilterRequest, AuditRecordView } from '../../contract/audit_schemas.ts';
import { parseCount } from '../option_numbers.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';

const OUTCOMES = ['started', 'done', 'failed', 'refused'] as const;
const LIMIT_MAX = 1_000;
const LIMIT_DEFAULT = 50;

/** `causeway audit search` */
export const auditSearch: Action = async ({ client, terminal, json }, _args, options) => {
  const count = (name: string, max: number, otherwise: number | undefined) =>
    options[name] === undefined ? otherwise : parseCount(String(options[name]), `--${name}`, max);
  const limit = count('limit', LIMIT_MAX, LIMIT_DEFAULT);
  const before = count('before', Number.MAX_SAFE_INTEGER, undefined);
  const page = await client.call('searchAudit', {}, { ...filterOf(options), limit, before });
  if (json) terminal.out(`${JSON.stringify(page)}\n`);
  else {
    const head = ['NUMBER', 'TIME', 'WHO', 'FROM', 'DID', 'TO', 'HOW IT ENDED'];
    terminal.out(`${table([head, ...page.records.map(row)])}\n`);
    if (page.nextBefore !== null) terminal.err(`older ones: --before ${page.nextBefore}\n`);
    if (page.damagedParts > 0) terminal.err('parts of the log cannot be read: see `causeway audit verify`\n');
  }
  return 0;
};

/** `causeway audit verify`: exit code 5 where something was changed. */
export const auditVerify: Action = async ({ client, terminal, json }) => {
  const found = await client.call('verifyAudit', {});
  if (json) terminal.out(`${JSON.stringify(found)}\n`);
  else {
    const { isSound, records, segments, problems, problemsTotal, notes } = found;
    terminal.out(
      `${records} records in ${segments} files: ${isSound ? 'sound' : `${problemsTotal} problems`}\n`,
    );
    for (const { segment, message } of problems) terminal.out(`  file ${segment}: ${message}\n`);
    for (const note of notes) terminal.out(`  ${note}\n`);
  }
  return found.isSound ? 0 : 5;
};

/** `causeway audit export`: one JSON document a line on standard output. */
export const auditExport: Action = async ({ client, terminal }, _args, options) => {
  const { interrupted } = terminal;
  for await (const record of client.exportAudit(filterOf(options), interrupted))
    terminal.out(`${JSON.stringify(record)}\n`);
  return interrupted.aborted ? 130 : 0;
};

function filterOf(options: Readonly<Record<string, unknown>>): AuditFilterRequest {
  const text = (name: string) => options[name] as string | undefined;
  const outcome = OUTCOMES.find((one) => one === text('outcome'));
  if (text('outcome') !== undefined && outcome === undefined)
    throw new CausewayError(
      'CW_USAGE',
      `--outcome ${text('outcome')}: one of ${OUTCOMES.join(', ')} is needed`,
    );
  return {
    fromMs: moment(text('from'), '--from'),
    untilMs: moment(text('until'), '--until'),
    actor: text('actor'),
    action: text('action'),
    resource: text('resource'),
    path: text('path'),
    outcome,
  };
}

function moment(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseUtc(text);
  if (ms === null)
    throw new CausewayError('CW_USAGE', `${option} ${text}: a time in UTC is needed, as 2026-11-28 15:04`);
  return ms;
}

function row({ sequence, timeMs, actor, action, resource, outcome, details }: AuditRecordView): string[] {
  const code = typeof details['code'] === 'string' ? ` ${details['code']}` : '';
  const who = actor.name === '' ? actor.kind : actor.name;
  return [`${sequence}`, formatUtcMinute(timeMs), who, actor.address, action, resource, `${outcome}${code}`];
}
