import { CausewayError } from '../../base/errors.ts';
import { type ExpositionFormat, expose } from '../../telemetry/exposition.ts';
import type { Action } from '../program.ts';

/** `causeway metrics` */
export const metrics: Action = async ({ client, terminal, json }, _args, options) => {
  const format = formatOf(String(options['format'] ?? 'text'));
  const families = await client.call('showMetrics', {});
  terminal.out(json ? `${JSON.stringify(families)}\n` : expose(families, format));
  return 0;
};

function formatOf(text: string): ExpositionFormat {
  if (text === 'text' || text === 'openmetrics') return text;
  throw new CausewayError('CW_USAGE', `--format ${text}: text or openmetrics is needed`);
}
