import { CausewayError } from '../../base/errors.ts';
import { formatBytes, formatDuration } from '../../base/units.ts';
import type { BatchView, RollBackRequest } from '../../contract/rollback_schemas.ts';
import type { Action, Context } from '../program.ts';
import { table } from '../terminal.ts';

const HEAD = ['BATCH', 'AGO', 'FROM', 'CHANGES', 'KEPT', ''];
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `causeway cache rollback SHARE` */
export const cacheRollback: Action = async (context, [name = ''], options) => {
  const { to } = options;
  if ((options['list'] === true) === (to !== undefined))
    throw new CausewayError('CW_USAGE', 'say what to do: --list, or --to BATCH or --to TIME (45m, 3h)');
  if (to === undefined) return list(context, name);
  const force = options['force'] === true ? { force: true as const } : {};
  const result = await context.client.call('rollBack', { name }, { ...wishOf(String(to)), ...force });
  const { terminal, json } = context;
  if (json) terminal.out(`${JSON.stringify(result)}\n`);
  else {
    const { batch, rollback } = result;
    const back =
      rollback === null
        ? ''
        : `; \`causeway cache rollback ${name} --to ${rollback.number}\` takes that back`;
    terminal.out(`${name} is what it was before batch ${batch}${back}\n`);
  }
  return 0;
};

function wishOf(text: string): Pick<RollBackRequest, 'batch' | 'agoMs'> {
  const [, digits = '', unit] = /^([0-9]{1,9})([smhd]?)$/.exec(text) ?? [];
  const count = Number(digits);
  if (digits === '' || (!unit && count === 0))
    throw new CausewayError(
      'CW_USAGE',
      `--to ${text}: the number of a batch, or a time such as 45m or 3h, is needed`,
    );
  return unit ? { agoMs: count * (UNIT_MS[unit] ?? 0) } : { batch: count };
}

async function list({ client, terminal, json }: Context, name: string): Promise<number> {
  const batches = await client.call('listBatches', { name });
  if (json) terminal.out(`${JSON.stringify(batches)}\n`);
  else if (batches.length === 0) terminal.out(`${name}: nothing was changed by machines that is kept\n`);
  else terminal.out(`${table([HEAD, ...batches.map(row)])}\n`);
  return 0;
}

function row(batch: BatchView): string[] {
  const { number, endedAtMs, agoMs, from, files, keptBytes } = batch;
  const ago = endedAtMs === null ? 'now' : formatDuration(agoMs);
  return [String(number), ago, from, String(files), formatBytes(keptBytes), noteOf(batch)];
}

function noteOf({ tookBack, gap, isCut }: BatchView): string {
  if (isCut) return 'this host was restarted in the middle of it: only later ones can be taken back';
  if (gap !== null) return `nothing before it is kept: ${gap}`;
  return tookBack === null ? '' : `a rollback to before batch ${tookBack}`;
}
